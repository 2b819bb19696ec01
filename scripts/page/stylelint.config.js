// Style sheets of the page: stylelint's standard rules.
export default {
  extends: ["stylelint-config-standard"],
  ignoreFiles: ["**/vendor/**"],
  rules: {
    // The sheets are ordered by subject; where selectors of different subjects meet, the order does not decide.
    "no-descending-specificity": null,
    // Still the one way to end a text after some lines.
    "property-no-vendor-prefix": [true, { ignoreProperties: ["box-orient"] }],
    "value-no-vendor-prefix": [true, { ignoreValues: ["box"] }],
    "selector-class-pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
  },
};

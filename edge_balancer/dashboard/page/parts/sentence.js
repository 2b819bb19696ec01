/**
 * A decision in sentences, out of its figures: what is moved, why, and what it is worth. What the record itself says of it is
 * shown where there are no such figures: of what people asked for, and of triggers that this page does not know.
 */
import { ampMinutes, amps, kilowatts, volts } from "../core/format.js";
import { texts } from "../texts.js";

const UNITS = { imbalance: (value) => amps(value, 0), voltage: volts, injection: kilowatts };

/** What is moved, and why: for where there is little room. */
export function brief(decision) {
  const { trigger, moves } = decision;
  const unit = UNITS[trigger];
  const why = texts.decisions.reasons[trigger];
  if (!unit || !why || !moves?.length) {
    return decision.text;
  }
  return texts.decisions.brief(
    moves.map(texts.decisions.move),
    why(unit(decision.trigger_value), unit(decision.trigger_limit)),
    amps(decision.neutral_before_a, 0),
    amps(decision.neutral_after_a, 0),
  );
}

/** The same with what it is worth, and the best move that the guard forbade. */
export function sentence(decision) {
  const said = brief(decision);
  if (said === decision.text) {
    return said;
  }
  // What mends a voltage may cost current.
  const worth = decision.gain > 0 ? valued(decision) : "";
  const veto = decision.vetoes?.[0];
  const words = veto && texts.vetoes[veto.reason];
  const forbidden = words ? texts.decisions.forbade(texts.decisions.move(veto.move), words) : "";
  return [said, worth, forbidden].filter(Boolean).join(" ");
}

/** What it gains, and for what price; records of before its moves' own price was told have that of one move. */
function valued({ gain, asked, price }) {
  const says = texts.decisions;
  if (asked === null || asked === undefined) {
    return says.worthEach(ampMinutes(gain), ampMinutes(price));
  }
  return asked < 0 ? says.worthBeside(ampMinutes(gain)) : says.worth(ampMinutes(gain), ampMinutes(asked));
}

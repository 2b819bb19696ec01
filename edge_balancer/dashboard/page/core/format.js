/** Numbers with their units and times in the site's time zone, as people read them. An unknown value is a dash. */
import { state } from "./state.js";
import { texts } from "../texts.js";

export const NONE = "–";
const LOCALE = texts.locale;

const formats = new Map();

function digits(count) {
  let format = formats.get(count);
  if (!format) {
    format = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: count, maximumFractionDigits: count });
    formats.set(count, format);
  }
  return format;
}

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with fixed decimals and a true minus sign; never "−0". */
export function number(value, decimals = 0) {
  if (!known(value)) {
    return NONE;
  }
  const text = digits(decimals).format(value).replace("-", "−");
  return /^−[0.,]*$/.test(text) ? text.slice(1) : text;
}

const unit = (value, decimals, name) => (known(value) ? `${number(value, decimals)}\u202f${name}` : NONE);

export const amps = (value, decimals = 1) => unit(value, decimals, "A");
export const volts = (value) => unit(value, 1, "V");
export const kilowatts = (watts, decimals = 1) => unit(known(watts) ? watts / 1000 : null, decimals, "kW");
export const percent = (value, decimals = 0) => unit(value, decimals, "%");
export const ohms = (value) => unit(value, 3, "Ω");
export const ampMinutes = (value) => unit(value, 0, "A\u202fmin");
export const count = (value) => number(value, 0);

/** A duration in the largest unit that fits: 12 s, 4 min, 3 h, 5 d. */
export function duration(seconds) {
  if (!known(seconds)) {
    return NONE;
  }
  const size = Math.max(0, seconds);
  if (size < 99.5) {
    return unit(size, 0, "s");
  }
  if (size < 99.5 * 60) {
    return unit(size / 60, 0, "min");
  }
  if (size < 48 * 3600) {
    return unit(size / 3600, 0, "h");
  }
  return unit(size / 86_400, 0, "d");
}

/** The site's time zone; UTC until it is known, or where the browser does not know it. */
export function timeZone() {
  const wanted = state.status?.feeder?.timezone || "UTC";
  if (wanted === zone.asked) {
    return zone.used;
  }
  zone.asked = wanted;
  try {
    new Intl.DateTimeFormat(LOCALE, { timeZone: wanted });
    zone.used = wanted;
  } catch {
    zone.used = "UTC";
  }
  times.clear();
  return zone.used;
}

const zone = { asked: "", used: "UTC" };
const times = new Map();

function time(kind, options, seconds) {
  if (!known(seconds)) {
    return NONE;
  }
  const timeZoneName = timeZone();
  let format = times.get(kind);
  if (!format) {
    format = new Intl.DateTimeFormat(LOCALE, { timeZone: timeZoneName, hourCycle: "h23", ...options });
    times.set(kind, format);
  }
  return format.format(seconds * 1000);
}

const HM = { hour: "2-digit", minute: "2-digit" };
const DM = { day: "numeric", month: "short" };

export const clock = (seconds) => time("clock", { ...HM, second: "2-digit" }, seconds);
export const hourMinute = (seconds) => time("hm", HM, seconds);
export const dayMonth = (seconds) => time("dm", DM, seconds);
export const monthYear = (seconds) => time("my", { month: "short", year: "numeric" }, seconds);
export const dateTime = (seconds) => time("dt", { ...DM, ...HM }, seconds);
export const fullTime = (seconds) => time("full", { ...DM, year: "numeric", ...HM, second: "2-digit" }, seconds);
export const zoneName = (seconds) => {
  if (!known(seconds)) {
    return "";
  }
  const text = time("zone", { ...HM, timeZoneName: "short" }, seconds);
  return text.slice(text.indexOf(" ") + 1);
};

/** Time of day today, with the day otherwise. `now` is the site's own time. */
export function moment(seconds, now = state.status?.t) {
  if (!known(seconds)) {
    return NONE;
  }
  return known(now) && dayMonth(now) === dayMonth(seconds) && Math.abs(now - seconds) < 86_400
    ? clock(seconds)
    : dateTime(seconds);
}

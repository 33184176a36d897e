// Shows /v1/overview and asks for it again every few seconds. Text from records is only ever set as text.
import { barChart, creditBar, element, table } from "./draw.js";

const REFRESH_MS = 5000;
const TOKEN = "undelivered-token";
const COLOURS = 6;
const at = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const when = (text) => (text ? element("time", { dateTime: text, title: text }, clock.format(new Date(text))) : "–");
const words = (name) => name.replaceAll("_", " ");

let timer = 0;
let shownAt = "";

function setStatus(state, text) {
  at("status").dataset.state = state;
  if (at("status").textContent !== text) at("status").textContent = text;
}

function askForToken(problem) {
  clearTimeout(timer);
  sessionStorage.removeItem(TOKEN);
  shownAt = "";
  drawn.clear();
  for (const id of Object.keys(PARTS)) at(id).replaceChildren();
  at("overview").hidden = at("sign-out").hidden = at("tenant").hidden = true;
  at("login").hidden = false;
  at("login-error").textContent = problem;
  setStatus("wait", "not signed in");
  at("token").focus();
}

async function refresh() {
  clearTimeout(timer);
  const token = sessionStorage.getItem(TOKEN);
  if (!token) return askForToken("");
  try {
    const response = await fetch("v1/overview", { headers: { Authorization: `Bearer ${token}` } });
    if (sessionStorage.getItem(TOKEN) !== token) return;
    if (response.status === 401) return askForToken("This token is not known here.");
    if (!response.ok) throw new Error(`answer ${response.status}`);
    show(await response.json());
  } catch (error) {
    setStatus("bad", shownAt ? "no answer, trying again; figures are old" : "no answer, trying again");
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

function show(data) {
  at("login").hidden = true;
  at("overview").hidden = at("sign-out").hidden = at("tenant").hidden = false;
  at("tenant").textContent = data.tenant === "*" ? "all tenants" : data.tenant;
  setStatus(data.caught_up ? "live" : "warn", data.caught_up ? "live" : "reading the last 24 hours …");
  shownAt = data.generated_at;
  const incomplete = data.caught_up && !data.complete;
  at("notice").hidden = !incomplete;
  at("notice").textContent = incomplete ? whatIsMissing(data) : "";
  // an open detail, or the place of a reader's focus, outlives a refresh that brings the same
  for (const [id, draw] of Object.entries(PARTS)) redraw(id, draw(data), JSON.stringify(pick(id, data)));
}

function whatIsMissing(data) {
  if (!data.partly_read.length) return "There is more than this page keeps: some figures are too low.";
  return `Not all of ${data.partly_read.join(", ")} is read: figures may be too low, and accounts or alerts without a recent change missing.`;
}

const drawn = new Map();
function redraw(id, children, signature) {
  if (drawn.get(id) === signature) return;
  drawn.set(id, signature);
  at(id).replaceChildren(...children);
}

const SOURCES = {
  tiles: (d) => [d.failures, d.confirmations, d.suppressions, d.alerts, d.dead_letters],
  alerts: (d) => d.alerts,
  legend: (d) => d.failures, charts: (d) => [d.failures, d.hours], reasons: (d) => d.failures,
  suppressions: (d) => d.suppressions.latest, credit: (d) => d.credit,
  "dead-letters": (d) => d.dead_letters, lag: (d) => d.lag,
};
const pick = (id, data) => SOURCES[id](data);
const sum = (series) => series.reduce((total, each) => total + each.total, 0);
const tenantHeading = (data) => (data.tenant === "*" ? ["Tenant"] : []);
const tenantCell = (data, record) => (data.tenant === "*" ? [record.tenant || "–"] : []);
const none = (text) => [element("p", { className: "none" }, text)];

function tiles(data) {
  const failed = sum(data.failures);
  const delivered = sum(data.confirmations.filter((each) => each.outcome === "delivered"));
  const raised = data.alerts.filter((each) => each.state === "raised").length;
  return [
    ["Failed", failed], ["Delivered", delivered],
    ["Newly suppressed", data.suppressions.suppressed], ["Allowed again", data.suppressions.allowed],
    ["Open alerts", raised, raised > 0], ["Dead letters", data.dead_letters.total, data.dead_letters.total > 0],
  ].map(([name, value, bad]) =>
    element("div", { className: bad ? "bad" : "" }, element("dt", {}, name), element("dd", {}, number.format(value))));
}

function alerts(data) {
  if (!data.alerts.length) return none("None.");
  return data.alerts.map((alert) =>
    element("div", { className: `alert ${alert.state}` },
      element("p", { className: "what" }, (alert.state === "cleared" ? "Over: " : "") + alert.summary),
      alert.state === "raised" ? element("p", {}, alert.action) : "",
      alert.samples.length ? element("ul", {}, ...alert.samples.map((text) => element("li", { className: "mono" }, text))) : "",
      element("p", { className: "when" }, when(alert.occurred_at), ` · ${alert.tenant}`,
        alert.sample_code ? ` · code ${alert.sample_code}` : "")));
}

function reasonsByWeight(failures) {
  const totals = new Map();
  for (const each of failures) totals.set(each.reason, (totals.get(each.reason) || 0) + each.total);
  return [...totals].sort((a, b) => b[1] - a[1]).map(([reason]) => reason);
}

function colourOf(failures) {
  const ranked = reasonsByWeight(failures);
  return (reason) => Math.min(ranked.indexOf(reason), COLOURS);
}

function legend(data) {
  const ranked = reasonsByWeight(data.failures);
  const named = ranked.slice(0, COLOURS).map(words);
  if (ranked.length > COLOURS) named.push(`${ranked.length - COLOURS} others`);
  return named.map((name, colour) => element("li", { className: `c${colour}` }, element("span", {}, name)));
}

function charts(data) {
  if (!data.failures.length) return none("None.");
  const colour = colourOf(data.failures);
  const providers = byProvider(data.failures);
  const perHour = (series, hour) => series.reduce((total, each) => total + each.by_hour[hour], 0);
  // one scale for all, or a small provider's bad hour would look like a big one's
  const top = Math.max(...[...providers.values()].flatMap((series) => data.hours.map((_, hour) => perHour(series, hour))));
  return [...providers].map(([provider, series]) =>
    element("figure", {},
      element("figcaption", {}, provider, " ", element("small", {}, `${number.format(sum(series))} failed`)),
      barChart(provider, series.map((each) => ({ ...each, colour: colour(each.reason), name: words(each.reason) })),
        data.hours, top, number)));
}

function byProvider(failures) {
  const groups = new Map();
  for (const each of failures) groups.set(each.provider, [...(groups.get(each.provider) || []), each]);
  return groups;
}

function reasons(data) {
  if (!data.failures.length) return [];
  return [table(["Provider", "Reason", "Whose fault", "#Failures"], data.failures.map((each) =>
    [each.provider, words(each.reason), each.attribution.toLowerCase(), number.format(each.total)]))];
}

function suppressions(data) {
  if (!data.suppressions.latest.length) return none("None in the last 24 hours.");
  return [table([...tenantHeading(data), "Address", "Channel", "State", "Why", "Since", "Until", "Evidence"],
    data.suppressions.latest.map((each) => [...tenantCell(data, each),
      element("span", { className: "mono" }, each.recipient), each.channel,
      element("span", { className: `badge ${each.state}` }, each.state),
      `${words(each.reason || each.cause)}${each.tier > 1 ? ` (tier ${each.tier})` : ""}${each.requested_by ? ` by ${each.requested_by}` : ""}`,
      when(each.since), each.state === "suppressed" ? (each.until ? when(each.until) : "no end") : "–", evidence(each)]))];
}

function evidence(change) {
  if (!change.evidence.length) return words(change.cause);
  const count = change.evidence.length;
  return element("details", {}, element("summary", {}, `${count} event${count > 1 ? "s" : ""}`),
    element("ul", {}, ...change.evidence.map((id) => element("li", { className: "mono" }, id))));
}

function credit(data) {
  if (!data.credit.length) return none("No account is known.");
  return [table([...tenantHeading(data), "Account", "", "#Available", "#Reserved", "#Spent", "#Granted", "Last change"], data.credit.map((each) => {
    const money = (micros) => `${number.format(micros / 1e6)} ${each.currency}`;
    return [...tenantCell(data, each), each.account, creditBar(each), money(each.available_micros), money(each.reserved_micros),
      money(each.spent_micros), money(each.granted_micros), element("span", {}, `${words(each.cause)}, `, when(each.occurred_at))];
  }))];
}

function deadLetters(data) {
  if (!data.dead_letters.total) return none("None.");
  return [table([...tenantHeading(data), "When", "Where it came from", "What is wrong"], data.dead_letters.latest.map((each) =>
    [...tenantCell(data, each), when(each.at), element("span", { className: "mono" }, each.origin), each.error]))];
}

function lag(data) {
  if (!data.lag) return none("Not known at the moment.");
  return [element("ul", {}, ...Object.entries(data.lag).map(([agent, waiting]) =>
    element("li", {}, agent, element("b", {}, number.format(waiting)))))];
}

const PARTS = { tiles, alerts, legend, charts, reasons, suppressions, credit, "dead-letters": deadLetters, lag };

at("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = at("token").value.trim();
  at("token").value = "";
  if (!token) return;
  sessionStorage.setItem(TOKEN, token);
  at("login-error").textContent = "";
  refresh();
});
at("sign-out").addEventListener("click", () => askForToken(""));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (sessionStorage.getItem(TOKEN)) refresh();
});
refresh();

// Elements, tables and small charts.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320, HEIGHT = 140, LEFT = 30, BOTTOM = 16, TOP = 8;

export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A heading that begins with # is of a column of numbers.
export function table(headings, rows) {
  const isNumber = headings.map((each) => each.startsWith("#"));
  const head = headings.map((each, column) =>
    element("th", { scope: "col", className: isNumber[column] ? "number" : "" }, each.replace("#", "")));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell, column) =>
    element("td", { className: isNumber[column] ? "number" : "" }, cell))));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
}

export function barChart(title, series, hours, top, number) {
  const scale = niceTop(top);
  const y = (value) => HEIGHT - BOTTOM - (value / scale) * (HEIGHT - BOTTOM - TOP);
  const step = (WIDTH - LEFT) / hours.length;
  const parts = [0, scale / 2, scale].flatMap((value) => [
    shape("line", { x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value), class: "grid" }),
    shape("text", { x: LEFT - 4, y: y(value) + 3, "text-anchor": "end" }, number.format(value)),
  ]);
  const ordered = [...series].sort((a, b) => a.colour - b.colour);
  hours.forEach((start, hour) => {
    const from = new Date(start);
    const label = `${String(from.getHours()).padStart(2, "0")}:00`;
    let below = 0;
    for (const each of ordered) {
      const count = each.by_hour[hour];
      if (!count) continue;
      parts.push(shape("rect", {
        x: LEFT + hour * step + 1, width: step - 2, y: y(below + count), height: y(below) - y(below + count), class: `c${each.colour}`,
      }, shape("title", {}, `${label} ${each.name}: ${number.format(count)}`)));
      below += count;
    }
    if (from.getHours() % 6 === 0) {
      parts.push(shape("text", { x: LEFT + (hour + .5) * step, y: HEIGHT - 3, "text-anchor": "middle" }, label));
    }
  });
  const total = series.reduce((all, each) => all + each.total, 0);
  return shape("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": `${title}: ${number.format(total)} failures in 24 hours; the table below has them by reason`,
  }, ...parts);
}

function niceTop(value) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 2)));
  return [2, 4, 6, 10].map((factor) => factor * unit).find((each) => each >= value);
}

export function creditBar(account) {
  const whole = Math.max(1, account.granted_micros, account.spent_micros + account.reserved_micros);
  let from = 0;
  const parts = ["available", "reserved", "spent"].map((name) => {
    const width = 100 * Math.max(0, account[`${name}_micros`]) / whole;
    from += width;
    return shape("rect", { x: from - width, width, y: 0, height: 10, class: name }, shape("title", {}, name));
  });
  const percent = Math.round(100 * account.available_micros / whole);
  const bar = shape("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": `${percent} % available` }, ...parts);
  return element("div", { className: "bar" }, bar);
}

"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("data");
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const number = (value, digits = 3) => (value === null ? "–" : Number(value.toPrecision(digits)).toString().replace("-", "−"));
  const percent = (value) => (value === null ? "–" : `${number(100 * value)} %`);
  const times = (value) => (value === null ? "–" : `${value >= 10 ? Math.round(value) : value.toFixed(1)} ×`);
  const thumbnail = (row) => `data:image/webp;base64,${data.thumbnails[row][0]}`;
  const patternCard = (j) => $(`#pattern-cards button[data-pattern="${j}"] img`);
  const classCard = (c) => $(`#class-cards button[data-class="${c}"] img`);

  // Images that the script holds once, however often they are shown.
  for (const image of $$("img[data-row]")) image.src = thumbnail(image.dataset.row);
  for (const image of $$("img[data-picture]")) image.src = patternCard(image.dataset.picture).src;

  // Cards: all, some, or those that a search finds.
  const refresh = (list) => {
    const words = (list.dataset.query ?? "").toLowerCase();
    const shown = list.dataset.all || words ? Infinity : Number(list.dataset.shown ?? Infinity);
    let count = 0;
    for (const item of list.children) {
      const found = !words || (item.dataset.text ?? "").toLowerCase().includes(words);
      item.hidden = !found || count >= shown;
      if (found) count += 1;
    }
  };
  for (const input of $$("[data-filter]")) {
    input.addEventListener("input", () => {
      const list = document.getElementById(input.dataset.filter);
      list.dataset.query = input.value.trim();
      refresh(list);
    });
  }
  for (const button of $$("[data-all]")) {
    button.addEventListener("click", () => {
      const list = document.getElementById(button.dataset.all);
      list.dataset.all = list.dataset.all ? "" : "yes";
      button.textContent = list.dataset.all ? "Show fewer" : `Show all ${list.children.length}`;
      refresh(list);
    });
  }
  for (const select of $$("[data-sort]")) {
    select.addEventListener("change", () => {
      const list = document.getElementById(select.dataset.sort);
      const name = select.value;
      const sign = name === "pattern" ? 1 : -1;
      list.append(...[...list.children].sort((a, b) => sign * (a.dataset[name] - b.dataset[name])));
      refresh(list);
    });
  }

  // Tables that are sorted by a click on a heading.
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value ?? cell.textContent;
    return value === "" ? -Infinity : Number.isNaN(Number(value)) ? value : Number(value);
  };
  for (const table of $$("table.sortable")) {
    $$("thead th", table).forEach((heading, column) => {
      $("button", heading).addEventListener("click", () => {
        const falling = heading.ariaSort === "ascending";
        $$("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        heading.ariaSort = falling ? "descending" : "ascending";
        const body = table.tBodies[0];
        const compare = (a, b) => {
          const [x, y] = [key(a, column), key(b, column)];
          return (falling ? -1 : 1) * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
        };
        body.append(...[...body.rows].sort(compare));
      });
    });
  }

  // Details of a class or a pattern.
  const dialog = document.getElementById("details");
  const show = (...content) => {
    document.getElementById("details-body").replaceChildren(...content);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  };
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  const title = (text) => make("h2", { id: "details-title" }, text);
  // A run on features has no pictures.
  const picture = (source, label) => (source ? make("img", { src: source.src, alt: label, className: source.className }) : "");
  const figure = (image, ...caption) => make("figure", {}, image, make("figcaption", {}, ...caption));
  const effects = (pairs, name, open) => {
    const most = Math.max(...pairs.map(([, d]) => Math.abs(d)), 1e-9);
    const rows = pairs.map(([which, d]) => {
      const bar = make("span", { className: d > 0 ? "more" : "less" });
      bar.style.width = `${(50 * Math.abs(d)) / most}%`;
      const link = make("a", { href: "#", textContent: name(which) });
      link.addEventListener("click", (event) => { event.preventDefault(); open(which); });
      return make("tr", {}, make("th", { scope: "row" }, link), make("td", {}, make("span", { className: "axis" }, bar)), make("td", {}, number(d)));
    });
    return make("table", { className: "effects" }, make("tbody", {}, ...rows));
  };
  // Files: what is copied or downloaded are rows of issues.csv, of a kind or of the chosen images.
  const chosen = new Set();
  const place = (row) => [data.thumbnails[row][1], data.thumbnails[row][3]];
  const rowsOf = (kind) => (kind ? data.listed[kind].rows
    : [...chosen].map((row) => [...place(row), null, data.names[data.thumbnails[row][2]] ?? null, null, null]));
  const saying = (button, words) => {
    const before = (button.dataset.words ??= button.textContent);
    button.textContent = words;
    setTimeout(() => { button.textContent = before; }, 2000);
  };
  const copy = async (text, button) => {
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A page opened from a file may not have this clipboard; a selected field can be copied everywhere.
      const field = make("textarea", { value: text });
      (dialog.open ? dialog : document.body).append(field);
      field.select();
      done = document.execCommand("copy");
      field.remove();
    }
    saying(button, done ? "Copied" : "The browser does not allow it");
  };
  const cell = (value) => {
    if (value === null || typeof value === "number") return value ?? "";
    const harmless = /^[=+\-@'\x00-\x1f]/.test(value) ? `'${value}` : value; // no spreadsheet takes it for a formula
    return `"${harmless.replaceAll('"', '""')}"`;
  };
  const download = (kind) => {
    const rows = rowsOf(kind).map((row) => [...row, kind || null, null]);
    const lines = [[...data.columns, "kind", "action"], ...rows].map((row) => row.map(cell).join(","));
    const url = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    make("a", { href: url, download: `${(kind || "chosen").replaceAll(" ", "-")}.csv` }).click();
    URL.revokeObjectURL(url);
  };
  const choose = (row, yes) => {
    chosen[yes ? "add" : "delete"](row);
    for (const box of $$(`.choose[data-row="${row}"]`)) box.checked = yes;
    const bar = document.getElementById("chosen");
    bar.hidden = !chosen.size;
    $("b", bar).textContent = chosen.size === 1 ? "1 image chosen" : `${chosen.size} images chosen`;
  };
  document.addEventListener("change", ({ target }) => {
    if (target.matches(".choose")) choose(Number(target.dataset.row), target.checked);
  });
  const address = (path) => {
    if (/^https?:/.test(path)) return path;
    return data.files && path.startsWith("/") ? `file://${path.split("/").map(encodeURIComponent).join("/")}` : null;
  };
  const showImage = (row) => {
    const [, name, c] = data.thumbnails[row];
    const path = place(row)[1];
    const found = Object.entries(data.listed).flatMap(([kind, { rows }]) =>
      rows.filter(([key]) => key === name).map((mine) => [kind, mine[5]]));
    const button = make("button", { type: "button" }, "Copy path");
    button.addEventListener("click", () => copy(path, button));
    const link = path && address(path);
    show(
      title(name),
      make("div", { className: "hero" }, make("img", { src: thumbnail(row), alt: name, className: tiny() }),
        make("div", {}, make("p", {}, data.names[c] ? `Label: ${data.names[c]}.` : "It has no label."),
          ...found.map(([kind, advice]) => make("p", {}, `Issue: ${kind}. ${advice ? `Suggestion: ${advice}.` : ""}`)),
          ...(path ? [make("p", {}, make("code", {}, path)),
            make("p", { className: "tools" }, button, ...(link ? [make("a", { href: link, target: "_blank", rel: "noreferrer" }, "Open the file")] : []))]
            : []))),
    );
  };
  const tiny = () => (patternCard(0)?.classList.contains("tiny") ? "tiny" : "");
  const pictures = (rows, caption = (row) => data.names[data.thumbnails[row][2]] ?? "") => rows.map((row) => {
    const [, name] = data.thumbnails[row];
    const image = make("img", { src: thumbnail(row), alt: name, title: name, className: tiny() });
    const button = make("button", { type: "button", className: "open" }, figure(image, caption(row)));
    button.dataset.row = row;
    return button;
  });
  const exemplars = (rows) => {
    const known = rows.filter((row) => row in data.thumbnails);
    const missing = known.length ? [] : [make("p", { className: "quiet" }, "The images could not be read when the report was made.")];
    return make("div", { className: "row" }, ...missing, ...pictures(known));
  };
  const showPattern = (j) => {
    const { row, classes, exemplars: sides } = data.patterns[j] ?? {};
    if (!row) return;
    const facts = `${percent(row.energy_share)} of the energy, ${percent(row.cumulative_energy)} with all before it. ` +
      `η² ${number(row.eta_squared)}, at most ${number(row.null_eta_squared_max)} with shuffled labels` +
      (row.mutual_information === null ? "." : `; tells ${number(row.mutual_information)} nats of the class.`);
    show(
      title(`Pattern ${j}`),
      make("div", { className: "hero" }, picture(patternCard(j), `Pattern ${j}`),
        make("div", {}, make("p", {}, facts), make("h3", {}, "Classes that have more of it, or less (Cohen’s d)"),
          effects(classes, (c) => data.names[c], showClass))),
      ...(data.pictured ? [make("h3", {}, "Images with most of it"), exemplars(sides.positive),
        make("h3", {}, "Images with most of its opposite"), exemplars(sides.negative)] : []),
    );
  };
  // Classes that a class is mixed up with, each by the image that looks most like it and one that this resembles.
  const mixedUp = (others) => (others.length ? [make("h3", {}, "What it is mixed up with"),
    make("div", { className: "row" }, ...others.map(([other, part, rows]) =>
      make("figure", { className: "mixed" }, make("div", {}, ...pictures(rows.filter((row) => row in data.thumbnails))),
        make("figcaption", {}, `${percent(part)} look more like ${data.names[other]}`))))] : []);
  const showClass = (c) => {
    const entry = data.classes[c];
    const first = classCard(c);
    const words = entry.ratios.length
      ? `${entry.name} varies ${times(entry.ratios[0])} as much along this pattern as the other classes do` +
        (entry.held_out_ratios[0] === null ? "." : `; ${times(entry.held_out_ratios[0])} among unseen images.`)
      : "This class has no pattern of its own.";
    const others = entry.pictures.map((source, i) =>
      figure(make("img", { src: source, alt: `Another pattern of ${entry.name}`, className: first.className }), times(entry.ratios[i + 1])));
    const issues = Object.entries(entry.issues);
    const rather = new Map($$(`#suspect-cards li[data-class="${c}"] button.open`).map((button) =>
      [Number(button.dataset.row), $(".quiet", button.parentElement).textContent]));
    const doubtful = [...rather.keys()];
    const hero = first ? [picture(first, `Pattern that is most ${entry.name}'s own`)] : [];
    show(
      title(entry.name),
      make("div", { className: "hero" }, ...hero,
        make("div", {}, make("p", {}, `${entry.images.toLocaleString("en")} images. ${words}`),
          ...(issues.length ? [make("p", {}, `To fix: ${issues.map(([kind, count]) => `${count.toLocaleString("en")} ${kind}`).join(", ")}.`)] : []),
          ...(others.length ? [make("h3", {}, "More of its own"), make("div", { className: "row" }, ...others)] : []))),
      ...mixedUp(entry.mixed_up),
      ...(doubtful.length ? [make("h3", {}, "Its labels worth a look"), make("div", { className: "row" }, ...pictures(doubtful, (row) => rather.get(row)))] : []),
      make("h3", {}, "Patterns it has more of than other classes, or less (Cohen’s d)"),
      make("div", { className: "row" }, ...entry.patterns.slice(0, 6).map(([j, d]) => {
        const button = make("button", { type: "button" }, figure(picture(patternCard(j), `Pattern ${j}`), `${j}: d ${number(d)}`));
        button.addEventListener("click", () => showPattern(j));
        return button;
      })),
      effects(entry.patterns, (j) => `pattern ${j}`, showPattern),
    );
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches(".open")) showImage(Number(button.dataset.row));
    if ("copy" in button.dataset) copy(rowsOf(button.dataset.copy).map((row) => row[1] ?? row[0]).join("\n"), button);
    if ("download" in button.dataset) download(button.dataset.download);
    if ("clear" in button.dataset) for (const row of [...chosen]) choose(row, false);
    if (!button.matches(".card")) return;
    if (button.dataset.pattern) showPattern(Number(button.dataset.pattern));
    if (button.dataset.class) showClass(Number(button.dataset.class));
  });
  window.eigenwave = { showPattern, showClass };

  // Charts, in the colours of the page.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const views = [];
  const paint = () => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const line = style.getPropertyValue("--quiet").trim();
    for (const view of views) {
      for (const model of view.model.document.all_models ?? []) {
        for (const name of ["axis_label_text_color", "major_label_text_color", "label_text_color", "title_text_color"]) {
          if (name in model.properties) model[name] = ink;
        }
        for (const name of ["axis_line_color", "major_tick_line_color"]) {
          if (name in model.properties) model[name] = line;
        }
      }
    }
  };
  for (const [name, item] of Object.entries(read("plots"))) {
    const target = $(`[data-plot="${name}"]`);
    if (!target) continue;
    target.id = `plot-${name}`;
    Bokeh.embed.embed_item(item, target.id).then((manager) => {
      views.push(...(manager.roots ?? [...manager]));
      paint();
      document.documentElement.dataset.drawn = String(views.length);
    });
  }
  dark.addEventListener("change", paint);
})();

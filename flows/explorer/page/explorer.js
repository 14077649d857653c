"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const count = (number) => number.toLocaleString("en");
  const form = $("#query");
  const list = $("#images");
  const dialog = $("#details");
  const chosen = new Map();
  let asked = 0; // number of the last question: a late answer to an earlier one is not shown
  let found = 0;

  const ask = async (name, parameters) => {
    const answer = await fetch(`${name}?${new URLSearchParams(parameters)}`);
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  const query = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  const fail = (error) => {
    $("#problem").hidden = false;
    $("#problem").textContent = error.message;
  };

  // Images.
  const picture = (image) => {
    const element = make("img", { src: `picture?row=${image.row}`, alt: image.key, loading: "lazy" });
    element.addEventListener("load", () => element.classList.toggle("tiny", element.naturalWidth <= 48)); // shown as squares
    return element;
  };
  const label = (image) => image.class_name ?? "no label";
  const card = (image) => {
    const open = make("button", { type: "button", className: "open" }, picture(image));
    open.addEventListener("click", () => show(image));
    const box = make("input", { type: "checkbox", className: "choose", ariaLabel: `Choose ${image.key}`, checked: chosen.has(image.row) });
    box.addEventListener("change", () => choose(image, box.checked));
    const words = image.issues.length ? image.issues.map((issue) => issue.kind).join(", ") : "";
    return make("li", {}, make("div", { className: "card" }, open, box,
      make("span", { className: "name" }, label(image)),
      make("span", { className: "quiet key", title: image.key }, image.key),
      ...(words ? [make("span", {}, words)] : [])));
  };
  const more = async () => {
    const mine = asked;
    const start = list.children.length;
    const answer = await ask("images", { ...query(), start });
    if (mine !== asked || start !== list.children.length) return; // the list is another one now
    list.append(...answer.images.map(card));
    found = answer.found;
    $("#more").hidden = list.children.length >= found;
  };
  const refresh = async () => {
    const mine = ++asked;
    $("#value").hidden = !form.column.value;
    $("#pattern").hidden = form.order.value !== "pattern";
    // Pictures that are still on their way would keep the answer waiting, and are not wanted any more.
    for (const image of list.querySelectorAll("img")) if (!image.complete) image.removeAttribute("src");
    try {
      const answer = await ask("images", query());
      if (mine !== asked) return;
      $("#problem").hidden = true;
      found = answer.found;
      $("#count").textContent = found === 1 ? "1 image" : `${count(found)} images`;
      list.replaceChildren(...answer.images.map(card));
      $("#more").hidden = list.children.length >= found;
      fill();
    } catch (error) {
      if (mine === asked) fail(error);
    }
  };
  form.addEventListener("input", refresh);
  form.addEventListener("submit", (event) => event.preventDefault());
  // More images, until the window and what lies close below it are full, however large the window is.
  let filling = false;
  const fill = async () => {
    if (filling) return;
    filling = true;
    try {
      while (list.children.length < found && $("#more").getBoundingClientRect().top < innerHeight + 1200) await more();
    } catch (error) {
      fail(error);
    }
    filling = false;
  };
  addEventListener("scroll", fill);
  addEventListener("resize", fill);

  // One image.
  const show = async (image) => {
    const copyButton = make("button", { type: "button" }, "Copy path");
    copyButton.addEventListener("click", () => copy(image.path ?? image.key, copyButton));
    const near = make("div", { className: "row" });
    const likely = image.likely_class_name === image.class_name ? "that of its label" : image.likely_class_name;
    const doubt = image.label_suspicion === null ? [] : [make("p", {},
      `Doubt about the label: ${Number((100 * image.label_suspicion).toPrecision(2))} %. Its likeliest class is ${likely}.`)];
    $("#body").replaceChildren(
      make("h2", { id: "title" }, image.key),
      make("div", { className: "hero" }, Object.assign(picture(image), { loading: "eager" }),
        make("div", {}, make("p", {}, `${label(image)}, split ${image.split}.`), ...doubt,
          ...image.issues.map(({ kind, evidence, suggestion }) =>
            make("p", {}, make("b", {}, `${kind}: `), `${evidence ?? ""}${suggestion ? ` Suggestion: ${suggestion}.` : ""}`)),
          make("p", {}, make("code", {}, image.path ?? image.key)), copyButton)),
      make("h3", {}, "Most like it"), near,
    );
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    const { images } = await ask("neighbours", { row: image.row });
    near.append(...(images.length ? images.map((other) => {
      const open = make("button", { type: "button", className: "open", title: other.key }, picture(other), label(other));
      open.addEventListener("click", () => show(other));
      return open;
    }) : ["It could not be read, so it is like no other."]));
  };
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // What is chosen is copied as paths, or downloaded as a list that eigenwave apply reads.
  const saying = (button, words) => {
    const before = (button.dataset.words ??= button.textContent);
    button.textContent = words;
    setTimeout(() => { button.textContent = before; }, 2000);
  };
  const copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
      saying(button, "Copied");
    } catch {
      saying(button, "The browser does not allow it");
    }
  };
  const choose = (image, yes) => {
    if (yes) chosen.set(image.row, image); else chosen.delete(image.row);
    $("#chosen").hidden = !chosen.size;
    $("#chosen b").textContent = chosen.size === 1 ? "1 image chosen" : `${count(chosen.size)} images chosen`;
  };
  const cell = (value) => {
    const text = String(value ?? "");
    const harmless = /^[=+\-@'\x00-\x1f]/.test(text) ? `'${text}` : text; // no spreadsheet takes it for a formula
    return `"${harmless.replaceAll('"', '""')}"`;
  };
  $("#copy").addEventListener("click", (event) =>
    copy([...chosen.values()].map((image) => image.path ?? image.key).join("\n"), event.target));
  $("#download").addEventListener("click", () => {
    const rows = [...chosen.values()].map((image) =>
      [image.key, image.path, image.split, image.class_name, image.issues[0]?.kind, image.issues[0]?.suggestion, ""]);
    const lines = [["key", "path", "split", "class_name", "kind", "suggestion", "action"], ...rows].map((row) => row.map(cell).join(","));
    const url = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    make("a", { href: url, download: "chosen.csv" }).click();
    URL.revokeObjectURL(url);
  });
  $("#clear").addEventListener("click", () => {
    for (const image of [...chosen.values()]) choose(image, false);
    for (const box of document.querySelectorAll(".choose")) box.checked = false;
  });

  // What there is to choose from.
  const offer = (name, values) => form[name].append(...values.map((value) => make("option", { value }, value)));
  ask("facts", {}).then((facts) => {
    document.title = `${facts.source}: images`;
    $("#source").textContent = facts.source;
    $("#run").textContent = `${count(facts.images)} images, run ${facts.run}`;
    offer("class", facts.classes);
    offer("split", facts.splits);
    offer("kind", facts.kinds);
    offer("column", facts.columns);
    form.pattern.max = facts.patterns - 1;
    refresh();
  }).catch(fail);
})();

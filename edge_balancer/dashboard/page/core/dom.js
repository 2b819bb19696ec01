/**
 * Nodes that stay. A view is built once; afterwards only the texts and attributes that differ are written.
 *
 * `h` builds an element. A property or text given as a function is a binding: it is read again at each `update()` of the
 * surrounding `live`, and written only when its value differs. `Keyed` keeps one row per key. Nothing here knows what is shown.
 */

let collecting = null;

/** Builds with `make` and returns { node, update, close }: all bindings made meanwhile belong to it. */
export function live(make) {
  const outer = collecting;
  const bindings = [];
  const closers = [];
  collecting = { bindings, closers };
  let node;
  try {
    node = make();
  } finally {
    collecting = outer;
  }
  return {
    node,
    update() {
      for (const binding of bindings) {
        binding();
      }
    },
    close() {
      for (const close of closers) {
        close();
      }
    },
  };
}

/** Reads now and at each update, and writes when the value differs. */
export function bind(read, apply) {
  let last;
  const run = () => {
    const value = read();
    if (value === last) {
      return;
    }
    last = value;
    apply(value);
  };
  run();
  collecting?.bindings.push(run);
}

/** Runs `run` at each update of the surrounding `live`. */
export function onUpdate(run) {
  run();
  collecting?.bindings.push(run);
}

/** Runs `run` when the surrounding `live` is closed. */
export function onClose(run) {
  collecting?.closers.push(run);
}

const PROPERTIES = new Set(["value", "checked", "selected", "disabled", "hidden", "open", "required"]);

function write(node, name, value) {
  if (PROPERTIES.has(name)) {
    node[name] = value;
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? "" : String(value));
  }
}

function set(node, name, value) {
  if (name.startsWith("on")) {
    node.addEventListener(name.slice(2), value);
  } else if (name === "vars") {
    // Through CSSOM, which a strict content security policy allows; style attributes are not.
    for (const [key, given] of Object.entries(value)) {
      if (typeof given === "function") {
        bind(given, (now) => node.style.setProperty(key, now));
      } else {
        node.style.setProperty(key, given);
      }
    }
  } else if (typeof value === "function") {
    bind(value, (now) => write(node, name, now));
  } else {
    write(node, name, value);
  }
}

function append(node, child) {
  if (child === null || child === undefined || child === false) {
    return;
  }
  if (Array.isArray(child)) {
    for (const one of child) {
      append(node, one);
    }
  } else if (child instanceof Node) {
    node.append(child);
  } else if (typeof child === "function") {
    const text = document.createTextNode("");
    node.append(text);
    bind(
      () => String(child() ?? ""),
      (now) => {
        text.data = now;
      },
    );
  } else {
    node.append(document.createTextNode(String(child)));
  }
}

function build(node, properties, children) {
  for (const child of children) {
    append(node, child);
  }
  // After the children: the value of a select needs its options.
  for (const [name, value] of Object.entries(properties ?? {})) {
    set(node, name, value);
  }
  return node;
}

/** An HTML element: `h("p", { class: "note" }, "text", () => changing)`. */
export function h(tag, properties, ...children) {
  return build(document.createElement(tag), properties, children);
}

/** The same in SVG. */
export function svg(tag, properties, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/** One row per key below `parent`: made once, updated in place, moved only when the order asks for it. */
export class Keyed {
  #parent;
  #create;
  #rows = new Map();

  /** `create(read)` builds a row's node; `read()` gives the row's present item. */
  constructor(parent, create) {
    this.#parent = parent;
    this.#create = create;
  }

  /** Rows for exactly these items, in this order; `keyOf(item, place)`. */
  sync(items, keyOf) {
    const wanted = new Set();
    const order = [];
    for (const [place, item] of items.entries()) {
      const key = keyOf(item, place);
      if (wanted.has(key)) {
        continue;
      }
      wanted.add(key);
      order.push(this.#take(key, item));
    }
    for (const [key, row] of this.#rows) {
      if (!wanted.has(key)) {
        this.#drop(key, row);
      }
    }
    this.#arrange(order);
  }

  /** New values for one row, where there is one. Without an item it is about to go, and keeps what it shows. */
  patch(key, item) {
    const row = this.#rows.get(key);
    if (!row || item === undefined) {
      return;
    }
    row.item = item;
    row.live.update();
  }

  node(key) {
    return this.#rows.get(key)?.live.node;
  }

  close() {
    for (const [key, row] of this.#rows) {
      this.#drop(key, row);
    }
  }

  #take(key, item) {
    const known = this.#rows.get(key);
    if (known) {
      known.item = item;
      known.live.update();
      return known.live.node;
    }
    const row = { item, live: null };
    row.live = live(() => this.#create(() => row.item));
    this.#rows.set(key, row);
    return row.live.node;
  }

  #drop(key, row) {
    row.live.close();
    row.live.node.remove();
    this.#rows.delete(key);
  }

  #arrange(order) {
    let at = this.#parent.firstElementChild;
    for (const [index, node] of order.entries()) {
      if (node === at) {
        at = at.nextElementSibling;
        continue;
      }
      // One row went down: take it out, so that those below it need not be touched.
      if (at && at.nextElementSibling === node && order.indexOf(at, index) > index) {
        const behind = node.nextElementSibling;
        this.#parent.append(at);
        at = behind;
        continue;
      }
      this.#parent.insertBefore(node, at);
    }
  }
}

{
  const STEP = 300; // rows that are shown at a time
  const form = document.querySelector(".controls");
  const evidence = JSON.parse(document.getElementById("evidence").textContent);
  const names = [...form.elements].map((one) => one.name).filter(Boolean);
  let state = new URLSearchParams();
  const opened = new Set();

  const made = (tag, text, ...inner) => {
    const one = document.createElement(tag);
    if (text) one.textContent = text;
    one.append(...inner);
    return one;
  };
  const linked = (key, value, text) => {
    const one = made("a", text);
    one.href = `#${key}-${value}`;
    return one;
  };

  const boards = [...document.querySelectorAll("table.board")].map((table) => {
    const box = table.closest(".table");
    const rest = box.querySelector("template");
    const rows = [...table.tBodies[0].rows, ...(rest ? rest.content.querySelectorAll("tr") : [])];
    for (const row of rows) {
      row.words = row.textContent.toLowerCase();
      for (const note of row.querySelectorAll("small")) note.parentElement.title = note.textContent;
    }
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    return { table, box, rows, heads, order: (some) => some, limit: STEP };
  });

  const details = (name, across) => {
    const { columns, runs, more, commands, recipes, unsaid } = evidence[name];
    const head = made("tr", "", ...columns.map((one) => made("th", one)));
    const body = runs.map((run) => {
      const line = made("tr", "", ...run.map((one, place) =>
        place ? made("td", String(one)) : made("td", "", linked("record", one, one))));
      line.id = `record-${run[0]}`;
      return line;
    });
    const cell = made("td");
    cell.colSpan = across;
    for (const one of commands) cell.append(made("p", "Made again by ", made("code", one)));
    if (recipes.length) {
      cell.append(made("p", "Made again by ", made("code", "badnets run FILE.yaml"), " with one of:"));
      for (const one of recipes) cell.append(made("pre", one));
    }
    if (unsaid) {
      const say = "badnets ledger show NAME --json";
      cell.append(made("p", "Their settings: ", made("code", say)));
    }
    cell.append(made("table", "", made("thead", "", head), made("tbody", "", ...body)));
    if (more) cell.append(made("p", `and ${more} more, all named in the CSV`));
    const row = made("tr", "", cell);
    row.className = "opened";
    return row;
  };

  const fits = (row) => names.every((name) => {
    const wanted = state.get(name) ?? "";
    if (name === "q") return row.words.includes(wanted.toLowerCase());
    return wanted === "" || row.dataset[name] === wanted;
  });

  const draw = (board) => {
    const found = board.order(board.rows.filter(fits));
    const shown = found.slice(0, board.limit);
    board.table.tBodies[0].replaceChildren(...shown.flatMap((row) => {
      const name = row.id.slice(4);
      const isOpen = opened.has(name);
      row.querySelector("a").setAttribute("aria-expanded", String(isOpen));
      return isOpen ? [row, details(name, row.cells.length)] : [row];
    }));
    const of = found.length === board.rows.length ? "" : `, of ${board.rows.length} in all`;
    board.box.querySelector(".shown").textContent =
      `${shown.length} of ${found.length} rows${of}.`;
    board.box.querySelector(".more button").hidden = shown.length === found.length;
  };
  const drawAll = () => boards.forEach(draw);

  const written = () => {
    const text = state.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };

  const show = (name, mark) => {
    const board = boards.find(({ rows }) => rows.some((row) => row.id === `row-${name}`));
    if (!board) return;
    const row = board.rows.find(({ id }) => id === `row-${name}`);
    if (!fits(row)) {
      for (const one of names) state.delete(one);
      fill();
    }
    opened.add(name);
    const place = board.order(board.rows.filter(fits)).indexOf(row);
    board.limit = Math.max(board.limit, place + 1);
    drawAll();
    const target = (mark && document.getElementById(`record-${mark}`)) || row;
    target.scrollIntoView({ block: "center", behavior: "instant" });
    target.classList.add("marked");
  };

  const fill = () => {
    for (const name of names) form.elements[name].value = state.get(name) ?? "";
  };

  const sorted = (board, column, falls) => {
    board.order = (some) => inOrder(some, column, falls);
  };

  boards.forEach((board, at) => {
    board.table.arrange = (column, falls) => {
      sorted(board, column, falls);
      state.set(`sort${at || ""}`, `${column}${falls ? "-" : ""}`);
      written();
      draw(board);
    };
    board.box.querySelector(".more button").addEventListener("click", () => {
      board.limit += STEP;
      draw(board);
    });
    board.table.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#row-"]');
      const name = link && link.hash.slice(5);
      if (!opened.has(name)) return;
      event.preventDefault(); // a second click closes
      event.stopPropagation();
      opened.delete(name);
      state.delete("row");
      written();
      draw(board);
      board.rows.find(({ id }) => id === `row-${name}`).querySelector("a").focus();
    });
  });

  // what an address says: #row-NAME and #record-NAME, and #data=...&sort=...&row=NAME
  const read = () => {
    const text = location.hash.slice(1);
    const [, kind, name] = /^(row|record)-(.+)$/.exec(text) ?? [];
    if (!kind && text && document.getElementById(text)) return; // a section of the page
    if (kind) state.delete("row"), state.delete("record"), state.set(kind, name);
    else state = new URLSearchParams(text);
    fill();
    boards.forEach((board, at) => {
      const [, column, falls] = /^(\d+)(-?)$/.exec(state.get(`sort${at || ""}`) ?? "") ?? [];
      if (column === undefined || !board.heads[column]) return;
      sorted(board, Number(column), falls === "-");
      marked(board.table, board.heads[column], falls === "-");
    });
    drawAll();
    const record = state.get("record");
    const holds = ([, one]) => one.runs.some(([own]) => own === record);
    const row = record ? Object.entries(evidence).find(holds)?.[0] : state.get("row");
    if (row) show(row, record);
    if (kind) written();
  };

  const changed = () => {
    for (const name of names) {
      const { value } = form.elements[name];
      if (value) state.set(name, value);
      else state.delete(name);
    }
    for (const board of boards) board.limit = STEP;
    written();
    drawAll();
  };
  form.addEventListener("input", changed);
  form.addEventListener("reset", () => setTimeout(changed));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  window.addEventListener("hashchange", read);
  read();
}

"use strict";
/* Loads files of data/: scripts that call `take`, since pages without a server may fetch nothing. */
(() => {
  const arrived = new Map(), kept = new Map();
  const most = 40;  // files that are kept in memory

  v2xum.take = (name, number, values) => { arrived.set(`${name} ${number}`, values); };

  const place = (name, number) => {
    if (name === "site") return "data/site.js";
    const folder = String(Math.floor(number / 1000)).padStart(3, "0");
    return `data/${name}/${folder}/${String(number).padStart(5, "0")}.js`;
  };

  v2xum.picture = (row) => `pictures/${String(Math.floor(row / 1000)).padStart(3, "0")}/${String(row).padStart(5, "0")}.jpg`;

  /* The values of a file, loaded once. Fails with a sentence when the file is missing or damaged. */
  v2xum.load = (name, number) => new Promise((resolve, reject) => {
    const script = document.createElement("script"), path = place(name, number), key = `${name} ${number}`;
    const way = "Copy the whole folder of the page again, or make it anew.";
    script.src = path;
    script.onload = () => {
      script.remove();
      const values = arrived.get(key);
      arrived.delete(key);
      if (values === undefined) reject(new Error(`${path} is damaged. ${way}`));
      else resolve(values);
    };
    script.onerror = () => {
      script.remove();
      reject(new Error(`${path} is missing. ${way}`));
    };
    document.head.append(script);
  });

  /* The value of one row in the files of a name (details, captions). */
  v2xum.valueOf = async (name, row) => {
    const starts = v2xum.site.starts[name];
    let low = 0, high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    const key = `${name} ${low}`;
    if (!kept.has(key)) {
      kept.set(key, v2xum.load(name, low));
      if (kept.size > most) kept.delete(kept.keys().next().value);
    }
    try {
      return (await kept.get(key))[row - starts[low]];
    } catch (error) {
      kept.delete(key);
      throw error;
    }
  };
})();

"use strict";
/* The one name of all scripts of the page, and text: folded for search as curation/release/browse/texts.py does. */
const v2xum = {};

v2xum.fold = (text) => {
  const letters = text.normalize("NFKD").toLowerCase().replace(/[\u0300-\u036f]/g, "").normalize("NFC").replace(/ς/g, "σ");
  const space = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;  // what Python's str.split takes
  return letters.split(space).filter(Boolean).join(" ");
};

/* Words and "phrases" that a text must hold, and those that it must not hold (-word, -"phrase"). */
v2xum.query = (text) => {
  const wanted = [], refused = [];
  for (const [, minus, phrase, word] of text.matchAll(/(?:^|(?<=\s))(-?)(?:["“”„«»「」]([^"“”„«»「」]*)["“”«»「」]?|(\S+))/g)) {
    const part = v2xum.fold(phrase ?? word);
    if (part && !(part === "-" && !minus)) (minus ? refused : wanted).push(part);
  }
  return { wanted, refused };
};

v2xum.clock = (seconds) => {
  if (seconds === null || !(seconds >= 0)) return "";
  const tenths = Math.round(seconds * 10), whole = Math.floor(tenths / 10);
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return (hours ? `${hours}:${pad(minutes)}` : `${minutes}`) + `:${pad(whole % 60)}` + (tenths % 10 ? `.${tenths % 10}` : "");
};

v2xum.thousands = (number) => number.toLocaleString("en-US");
v2xum.words = (name) => name.replace(/_/g, " ");
v2xum.percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

/* A new element. Texts become text, never markup. */
v2xum.make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};

"use strict";
/* Where a video can be watched: only http and https become links, whatever a row says. */
v2xum.videoAt = (address, seconds = null) => {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password) return null;
  if (seconds === null || !(seconds >= 0)) return url.href;
  const host = url.hostname.replace(/^(www|m|music)\./, ""), whole = String(Math.floor(seconds));
  if (["youtube.com", "youtu.be", "youtube-nocookie.com"].includes(host)) {
    const short = url.pathname.match(/^\/shorts\/([\w-]+)/);
    if (short) {
      url.pathname = "/watch";
      url.searchParams.set("v", short[1]);
    }
    url.searchParams.set(url.pathname.startsWith("/embed/") ? "start" : "t", whole);
  } else if (host === "vimeo.com") {
    url.hash = `t=${whole}s`;
  } else if (host === "dailymotion.com") {
    url.searchParams.set("start", whole);
  } else {
    url.hash = `t=${seconds}`;  // a media fragment
  }
  return url.href;
};

/* A link to the video at a second; the text alone where there is no address that may be opened. */
v2xum.timeLink = (address, seconds, text) => {
  const href = address === null ? null : v2xum.videoAt(address, seconds);
  if (href === null) return v2xum.make("span", { class: "time" }, text);
  const title = `open the video at ${v2xum.clock(seconds)}`;
  return v2xum.make("a", { class: "time", href, target: "_blank", rel: "noopener noreferrer", title }, text);
};

// Pictures as layers: what is seen around the hole, and over it what a method put into the hole. Pixels stay as they are.

/** A picture of a page's data, decoded once. */
const decoded = new Map();
function picture(source) {
  if (!decoded.has(source)) {
    const image = new Image();
    image.src = source;
    decoded.set(source, image.decode().then(() => image));
  }
  return decoded.get(source);
}

/** Draws layers over each other; the last call for a canvas wins. grey: the last layer is drawn as a plain grey hole. */
async function paint(canvas, sources, grey = false) {
  canvas.wanted = sources;
  const layers = await Promise.all(sources.map(picture));
  if (canvas.wanted !== sources) return;
  canvas.width = layers[0].naturalWidth;
  canvas.height = layers[0].naturalHeight;
  const pen = canvas.getContext("2d");
  layers.forEach((layer, place) => pen.drawImage(grey && place ? plainGrey(layer) : layer, 0, 0));
}

function plainGrey(layer) {
  const canvas = make("canvas", { width: layer.naturalWidth, height: layer.naturalHeight });
  const pen = canvas.getContext("2d");
  pen.drawImage(layer, 0, 0);
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = "#8f8f8b";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

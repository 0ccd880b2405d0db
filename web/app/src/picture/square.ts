/** Makes a chosen image small and square before it travels: the server keeps nothing larger. */

/** The side of an uploaded picture, in px. */
const SIDE = 512;

/** The largest square in the middle of a `width` × `height` image. */
export function middleSquare(width: number, height: number): { x: number; y: number; side: number } {
  const side = Math.min(width, height);
  return { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), side };
}

/** The image's middle, at most 512 px a side, as JPEG. Rejects for what is no image. */
export async function squarePicture(file: Blob): Promise<Blob> {
  const image = await createImageBitmap(file);
  const { x, y, side } = middleSquare(image.width, image.height);
  const target = Math.min(side, SIDE);
  const canvas = document.createElement("canvas");
  canvas.width = target;
  canvas.height = target;
  canvas.getContext("2d")?.drawImage(image, x, y, side, side, 0, 0, target, target);
  image.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no image"))), "image/jpeg", 0.9);
  });
}

// What the page asks of the server. Whatever goes wrong is an Error with one line for the user.

async function ask(path, options = {}, patience = 4) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  if (answer.status === 503 && patience > 0) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return ask(path, options, patience - 1);
  }
  const said = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(said.error ?? `The server answered with ${answer.status}.`), { status: answer.status });
}

const json = (method, content) => ({
  method, headers: { "content-type": "application/json" }, body: JSON.stringify(content),
});

export const model = async () => (await ask("/api/model")).json();
export const saveNames = async (names) => (await ask("/api/names", json("PUT", { names }))).json();

/** Upload a file; the answer says which parts are in it. */
export async function upload(file) {
  const name = encodeURIComponent(file.name || "picture");
  return (await ask(`/api/pictures?name=${name}`, { method: "POST", body: file })).json();
}

export const remove = (picture) => ask(`/api/pictures/${picture.id}`, { method: "DELETE" });

/** Something about uploaded pictures; those that the server has let go of are uploaded once more. */
async function about(pictures, request) {
  try {
    return await request();
  } catch (error) {
    if (error.status !== 404) throw error;
    if (pictures.some((picture) => picture.removed)) throw Object.assign(error, { removed: true });
    await Promise.all(pictures.map(again));
    return request();
  }
}

/** Upload a picture once more, and only once for all that miss it at the same time. */
function again(picture) {
  picture.coming ??= upload(picture.file)
    .then(({ id }) => { picture.id = id; })
    .finally(() => { picture.coming = null; });
  return picture.coming;
}

const frame = (picture, row) => `/api/pictures/${picture.id}/frames/${row}`;
const bitmap = async (answer) => createImageBitmap(await answer.blob());

export const preview = (picture, row) => about([picture], async () => (await ask(`${frame(picture, row)}/picture`)).blob());
export const maps = (picture, row) => about([picture], async () => bitmap(await ask(`${frame(picture, row)}/maps`)));

/** What the generator makes of a row with some parts moved, and some in the look of another picture's row. */
export function rebuilt(picture, row, moved, look) {
  const pictures = look ? [picture, look.picture] : [picture];
  return about(pictures, async () => {
    const looks = look ? [{ picture: look.picture.id, frame: look.row, parts: look.parts }] : [];
    const blob = await (await ask(`${frame(picture, row)}/rebuilt`, json("POST", { moved, looks }))).blob();
    return { blob, image: await createImageBitmap(blob) };
  });
}

/** Save one of a picture's files where the browser saves files; `path` is below the picture. */
export async function download(picture, path) {
  const answer = await about([picture], () => ask(`/api/pictures/${picture.id}/${path}`));
  const name = decodeURIComponent(answer.headers.get("content-disposition").split("''")[1]);
  save(await answer.blob(), name);
}

/** Save a blob as a file. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// The page that the guard has sent a visitor here from: a path below one, and never another site.

const GUARDED = /^\/(members|console)\/[\w./-]*$/;

export function wanted() {
  const next = new URLSearchParams(location.search).get("next");
  return GUARDED.test(next ?? "") ? next : null;
}

export const loginFor = (path) => `/?${new URLSearchParams({ next: path })}`;

// Choosing a person or a group: from the people file where it names anybody, else by typing Airflow's user name.

import { get } from "./api.js";
import { h, visible } from "./dom.js";

/** A field to choose from, and what is chosen: `{ user }` or `{ group }`, or null. */
export async function whom(id) {
  const people = await get(["people"]).catch(() => ({ users: [], groups: {} }));
  const options = [...Object.keys(people.groups).map((group) => [`group:${group}`, `Group ${group}`]), ...people.users.map((user) => [`user:${user}`, user])];
  const element = options.length
    ? h("select", { id }, h("option", { value: "" }, "Choose…"), options.map(([value, text]) => h("option", { value }, visible(text))))
    : h("input", { id, placeholder: "Airflow user name", autocomplete: "off" });
  const chosen = () => {
    const [kind, name] = options.length ? element.value.split(/:(.*)/s) : ["user", element.value.trim()];
    return name ? { [kind]: name } : null;
  };
  return { element, chosen };
}

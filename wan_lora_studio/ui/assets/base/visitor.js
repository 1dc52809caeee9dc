/** Visitor: who is signed in, and the way out. */
import { address, connection, request } from "../../../lora_ui/assets/kit/api.js";
import { say } from "../texts/say.js";

const ROLES = {
  viewer: say("role.viewer"),
  creator: say("role.creator"),
  admin: say("role.admin"),
};
let visitor = null;

/** Ask who it is, and lead whoever is not known any more to where they sign in. */
export function connectVisitor() {
  connection.addEventListener("stranger", () => location.assign(address("sign-in")));
  request("GET", "api/me").then(
    (found) => {
      visitor = found;
    },
    () => {},
  );
}

/** Entries of a menu; none where nobody signs in. */
export function visitorEntries() {
  if (!visitor?.signs_in) return [];
  const who = say("help.signedIn", { name: visitor.name, role: ROLES[visitor.role] });
  return [{ label: who, disabled: true }, { label: say("help.signOut"), run: signOut }, null];
}

async function signOut() {
  await request("POST", "api/sign-out");
  location.assign(address("sign-in"));
}

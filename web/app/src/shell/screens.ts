/** The screens that come after the first load, each under the name of what it shows. */
import { OverPage, part } from "../ui/Part.js";

export const NewChat = part(() => import("../people/NewChat.js"));
export const NewGroup = part(() => import("../people/NewGroup.js"));
export const RoomInfo = part(() => import("../people/RoomInfo.js"));
export const Settings = part(() => import("../settings/Settings.js"));
export const Keys = part(() => import("./Keys.js"), OverPage);

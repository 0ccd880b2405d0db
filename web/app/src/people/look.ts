/** The names of `RoomPrefs::COLORS` and `RoomPrefs::BACKGROUNDS`; their looks are in `styles/tokens.css`. */
export const COLORS = ["ember", "rose", "violet", "ocean", "forest", "stone"] as const;
export const BACKGROUNDS = ["plain", "paper", "dots", "waves", "dusk"] as const;

export type Color = (typeof COLORS)[number];
export type Background = (typeof BACKGROUNDS)[number];

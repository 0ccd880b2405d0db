import { useEffect, useState } from "react";

/** The last midnight here, in ms; changes when the next one has passed. */
export function useToday(): number {
  const [today, setToday] = useState(() => new Date().setHours(0, 0, 0, 0));
  useEffect(() => {
    const next = new Date(today).setHours(24);
    const timer = setTimeout(() => setToday(new Date().setHours(0, 0, 0, 0)), next - Date.now() + 1000);
    return () => clearTimeout(timer);
  }, [today]);
  return today;
}

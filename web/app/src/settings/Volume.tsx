import { type CSSProperties, useId, useState } from "react";
import { useText } from "../i18n/index.js";
import { settings } from "../i18n/settings.js";
import { useSound } from "../sound/SoundProvider.js";

interface VolumeProps {
  /** 0–100. */
  value: number;
  onChange(value: number): void;
}

/** How loud sounds are. Moves at once, is stored and heard when let go. */
export function Volume({ value, onChange }: VolumeProps) {
  const text = useText(settings);
  const play = useSound();
  const id = useId();
  const [moving, setMoving] = useState<number>();
  const done = () => {
    if (moving === undefined) return;
    onChange(moving);
    setMoving(undefined);
    requestAnimationFrame(() => play("out"));
  };
  return (
    <div className="flex min-h-12 items-center gap-4">
      <label htmlFor={id} className="text-muted-foreground">
        {text.volume}
      </label>
      <input
        id={id}
        type="range"
        min={0}
        max={100}
        step={5}
        value={moving ?? value}
        onChange={(event) => setMoving(Number(event.target.value))}
        onPointerUp={done}
        onKeyUp={done}
        onBlur={done}
        className="slider h-11 flex-1"
        style={{ "--at": `${moving ?? value}%` } as CSSProperties}
      />
    </div>
  );
}

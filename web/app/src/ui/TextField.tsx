import { Eye, EyeOff } from "lucide-react";
import { type ComponentProps, useId, useState } from "react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { IconButton } from "./Button.js";
import { classes } from "./classes.js";

interface TextFieldProps extends Omit<ComponentProps<"input">, "id"> {
  label: string;
  /** What is wrong, as a sentence; read out when it appears. */
  error?: string | undefined;
  hint?: string | undefined;
}

/** A labelled line of text, its hint or error below. 16 px, so that a phone does not zoom. */
export function TextField({ label, error, hint, type = "text", className, ...rest }: TextFieldProps) {
  const id = useId();
  const text = useText(common);
  const [shown, setShown] = useState(false);
  const below = error ?? hint;
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-meta font-medium text-muted-foreground">
        {label}
      </label>
      <div className="relative">
        <input
          id={id}
          type={shown ? "text" : type}
          aria-invalid={error !== undefined || undefined}
          aria-describedby={below === undefined ? undefined : `${id}-below`}
          className={classes(
            "h-12 w-full rounded-2xl bg-muted px-4 text-base placeholder:text-muted-foreground",
            type === "password" && "pr-12",
            error !== undefined && "outline-2 outline-destructive",
          )}
          {...rest}
        />
        {type === "password" && (
          <IconButton
            label={text.showPassword}
            aria-pressed={shown}
            className="absolute top-0.5 right-0.5"
            onClick={() => setShown(!shown)}
          >
            {shown ? <EyeOff size={20} /> : <Eye size={20} />}
          </IconButton>
        )}
      </div>
      {below !== undefined && (
        <p
          id={`${id}-below`}
          role={error === undefined ? undefined : "alert"}
          className={classes(
            "mt-1 text-meta",
            error === undefined ? "text-muted-foreground" : "text-destructive",
          )}
        >
          {below}
        </p>
      )}
    </div>
  );
}

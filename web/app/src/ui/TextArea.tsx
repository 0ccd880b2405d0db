import { type ComponentProps, useId } from "react";

interface TextAreaProps extends Omit<ComponentProps<"textarea">, "id" | "className"> {
  label: string;
}

/** A labelled text of a few lines, which grows with it. */
export function TextArea({ label, ...rest }: TextAreaProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-meta font-medium text-muted-foreground">
        {label}
      </label>
      <textarea
        id={id}
        rows={2}
        className="field-sizing-content max-h-40 min-h-18 w-full resize-none rounded-2xl bg-muted px-4 py-3 text-base placeholder:text-muted-foreground"
        {...rest}
      />
    </div>
  );
}

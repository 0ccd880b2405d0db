import { Camera, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { common } from "../i18n/common.js";
import { errors, useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { picture } from "../i18n/picture.js";
import { Disc } from "../ui/Avatar.js";
import { Button } from "../ui/Button.js";
import { squarePicture } from "./square.js";

interface PictureFieldProps {
  id: string;
  name: string;
  src: string | undefined;
  group?: boolean;
  use(image: Blob): Promise<void>;
  /** Where there is one that can be taken away. */
  remove?: (() => Promise<void>) | undefined;
}

/** The picture of oneself or of a group, which one may change; a new one shows before it is used. */
export function PictureField({ id, name, src, group = false, use, remove }: PictureFieldProps) {
  const text = useText(picture);
  const words = useText(common);
  const sentences = useText(errors);
  const sentence = useErrorText();
  const [chosen, setChosen] = useState<{ image: Blob; url: string }>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    if (chosen) return () => URL.revokeObjectURL(chosen.url);
  }, [chosen]);

  const choose = async (file: File | undefined) => {
    if (!file) return;
    setProblem(undefined);
    try {
      const image = await squarePicture(file);
      setChosen({ image, url: URL.createObjectURL(image) });
    } catch {
      setProblem(sentences.image_invalid);
    }
  };
  const change = async (how: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await how();
      setChosen(undefined);
    } catch (error) {
      setProblem(sentence(error));
    }
    setBusy(false);
  };
  return (
    <>
      <label className="relative rounded-full has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent-text">
        <Disc id={id} name={name} size={112} src={chosen?.url ?? src} group={group} />
        <span className="absolute right-0 bottom-0 inline-flex size-10 items-center justify-center rounded-full border-4 border-background bg-primary text-primary-foreground">
          <Camera size={18} aria-hidden />
        </span>
        <input
          type="file"
          accept="image/*"
          aria-label={text.change}
          className="sr-only"
          onChange={(event) => {
            void choose(event.target.files?.[0]);
            event.target.value = "";
          }}
        />
      </label>
      {chosen ? (
        <div className="flex gap-2">
          <Button busy={busy} onClick={() => change(() => use(chosen.image))}>
            {text.use}
          </Button>
          <Button look="quiet" onClick={() => setChosen(undefined)}>
            {words.cancel}
          </Button>
        </div>
      ) : (
        remove && (
          <Button look="quiet" busy={busy} onClick={() => change(remove)}>
            <Trash2 size={18} aria-hidden />
            {text.remove}
          </Button>
        )
      )}
      {problem !== undefined && (
        <p role="alert" className="text-meta text-destructive">
          {problem}
        </p>
      )}
    </>
  );
}

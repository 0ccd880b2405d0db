import { LIMITS, type Me, type ProfileChange } from "@zas/client";
import { useFileUrl, useZas } from "@zas/client/react";
import { Camera } from "lucide-react";
import { type FormEvent, useEffect, useId, useState } from "react";
import { common } from "../i18n/common.js";
import { errors, useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { settings } from "../i18n/settings.js";
import { Disc } from "../ui/Avatar.js";
import { Button } from "../ui/Button.js";
import { TextField } from "../ui/TextField.js";
import { toast } from "../ui/Toast.js";
import { squarePicture } from "./picture.js";

/** How others see one: picture, name, a few words. */
export function Profile({ me }: { me: Me }) {
  const text = useText(settings);
  const words = useText(common);
  const sentence = useErrorText();
  const zas = useZas();
  const bioId = useId();
  const [name, setName] = useState(me.user.display_name);
  const [bio, setBio] = useState(me.user.bio);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const changed = name.trim() !== me.user.display_name || bio.trim() !== me.user.bio;

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const profile: ProfileChange = { display_name: name.trim(), bio: bio.trim() };
      await zas.setProfile(profile);
      toast(text.saved);
    } catch (error) {
      setProblem(sentence(error));
    }
    setBusy(false);
  };
  return (
    <section className="px-4 pb-4">
      <Picture me={me} />
      <form noValidate onSubmit={save} className="grid gap-4">
        <TextField
          label={text.displayName}
          value={name}
          maxLength={LIMITS.NAME_CHARS}
          autoComplete="name"
          error={problem}
          onChange={(event) => setName(event.target.value)}
        />
        <div>
          <label htmlFor={bioId} className="mb-1 block text-meta font-medium text-muted-foreground">
            {text.bio}
          </label>
          <textarea
            id={bioId}
            value={bio}
            maxLength={LIMITS.BIO_CHARS}
            rows={2}
            placeholder={text.bioHint}
            onChange={(event) => setBio(event.target.value)}
            className="field-sizing-content max-h-40 min-h-18 w-full resize-none rounded-2xl bg-muted px-4 py-3 text-base placeholder:text-muted-foreground"
          />
        </div>
        {changed && (
          <Button type="submit" busy={busy}>
            {words.save}
          </Button>
        )}
      </form>
    </section>
  );
}

/** One's picture; a new one shows before it is used. */
function Picture({ me }: { me: Me }) {
  const text = useText(settings);
  const words = useText(common);
  const sentences = useText(errors);
  const sentence = useErrorText();
  const zas = useZas();
  const src = useFileUrl(me.user.avatar);
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
  const use = async (image: Blob) => {
    setBusy(true);
    try {
      await zas.setProfile({ avatar: await zas.uploadAvatar(image) });
      setChosen(undefined);
    } catch (error) {
      setProblem(sentence(error));
    }
    setBusy(false);
  };
  return (
    <div className="flex flex-col items-center gap-3 pt-2 pb-6">
      <label className="relative rounded-full has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent-text">
        <Disc id={me.user.id} name={me.user.display_name} size={112} src={chosen?.url ?? src} />
        <span className="absolute right-0 bottom-0 inline-flex size-10 items-center justify-center rounded-full border-4 border-background bg-primary text-primary-foreground">
          <Camera size={18} aria-hidden />
        </span>
        <input
          type="file"
          accept="image/*"
          aria-label={text.changePicture}
          className="sr-only"
          onChange={(event) => {
            void choose(event.target.files?.[0]);
            event.target.value = "";
          }}
        />
      </label>
      {chosen && (
        <div className="flex gap-2">
          <Button busy={busy} onClick={() => use(chosen.image)}>
            {text.usePicture}
          </Button>
          <Button look="quiet" onClick={() => setChosen(undefined)}>
            {words.cancel}
          </Button>
        </div>
      )}
      {problem !== undefined && (
        <p role="alert" className="text-meta text-destructive">
          {problem}
        </p>
      )}
      <p className="text-muted-foreground">
        @{me.user.username} · {me.email}
      </p>
    </div>
  );
}

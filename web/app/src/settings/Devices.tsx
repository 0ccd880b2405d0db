import type { DeviceView } from "@zas/client";
import { useZas } from "@zas/client/react";
import { Laptop, LogOut, Smartphone } from "lucide-react";
import { useRef, useState } from "react";
import { common } from "../i18n/common.js";
import { useErrorText } from "../i18n/errors.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { settings } from "../i18n/settings.js";
import { Button, IconButton } from "../ui/Button.js";
import { Confirm } from "../ui/Dialog.js";
import { toast } from "../ui/Toast.js";
import { useDevices } from "./useDevices.js";

/** Where one is signed in, and the way to sign out there from here. */
export function Devices() {
  const text = useText(settings);
  const words = useText(common);
  const sentence = useErrorText();
  const zas = useZas();
  const { known, reload } = useDevices();
  const [asking, setAsking] = useState<DeviceView | "others">();
  const [ending, setEnding] = useState(false);
  const list = useRef<HTMLUListElement>(null);

  if (known.state === "loading")
    return (
      <p role="status" className="animate-skeleton py-3 text-muted-foreground">
        {text.devicesLoading}
      </p>
    );
  if (known.state === "failed")
    return (
      <div role="alert" className="py-2">
        <p className="text-muted-foreground">{sentence(known.error)}</p>
        <Button look="plain" className="-ml-2" onClick={reload}>
          {words.retry}
        </Button>
      </div>
    );
  const others = known.devices.filter(({ current }) => !current);
  const nameOf = (device: DeviceView) => device.name || text.unnamedDevice;
  const end = async (which: DeviceView | "others") => {
    setEnding(true);
    try {
      await (which === "others" ? zas.signOutOthers() : zas.signOutDevice(which.id));
      toast(which === "others" ? text.othersEnded : text.deviceEnded(nameOf(which)));
      await reload();
    } catch (error) {
      toast(sentence(error));
    }
    setEnding(false);
    setAsking(undefined);
    // The button that was pressed may be gone with its device.
    requestAnimationFrame(() => list.current?.focus());
  };
  return (
    <>
      <ul ref={list} aria-label={text.devices} tabIndex={-1}>
        {known.devices.map((device) => (
          <Device
            key={device.id}
            device={device}
            name={nameOf(device)}
            at={known.at}
            onEnd={() => setAsking(device)}
          />
        ))}
      </ul>
      {others.length === 0 && <p className="pb-1 text-meta text-muted-foreground">{text.onlyDevice}</p>}
      {others.length > 1 && (
        <Button look="danger" className="-ml-2 self-start" onClick={() => setAsking("others")}>
          {text.endOthers}
        </Button>
      )}
      {asking && (
        <Confirm
          title={asking === "others" ? text.endOthersTitle : text.endDeviceTitle(nameOf(asking))}
          body={text.endBody}
          onClose={() => setAsking(undefined)}
        >
          <Button look="danger" busy={ending} onClick={() => end(asking)}>
            {text.signOut}
          </Button>
          <Button look="quiet" onClick={() => setAsking(undefined)}>
            {words.cancel}
          </Button>
        </Confirm>
      )}
    </>
  );
}

interface DeviceProps {
  device: DeviceView;
  name: string;
  /** The time that "ago" is counted from, ms since 1970. */
  at: number;
  onEnd(): void;
}

function Device({ device, name, at, onEnd }: DeviceProps) {
  const text = useText(settings);
  const format = useFormat();
  const Icon = /Android|iOS/.test(device.name) ? Smartphone : Laptop;
  return (
    <li className="flex min-h-14 items-center gap-3">
      <Icon size={22} aria-hidden className="shrink-0 text-muted-foreground" />
      <span className="min-w-0 flex-1">
        <span dir="auto" className="block truncate text-left font-medium">
          {name}
        </span>
        <span className="block text-meta text-muted-foreground">
          {device.current ? text.thisDevice : text.lastUsed(format.ago(device.lastUsedAt, at))}
        </span>
      </span>
      {!device.current && (
        <IconButton label={text.endDevice(name)} className="-mr-3" onClick={onEnd}>
          <LogOut size={20} />
        </IconButton>
      )}
    </li>
  );
}

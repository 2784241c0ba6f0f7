// A voice note from the microphone, in a container that Meta takes.

// Meta takes no WebM, which is why Chromium's first choice is not ours.
const TYPES = ["audio/ogg;codecs=opus", "audio/mp4;codecs=opus", "audio/mp4"];
const SECONDS_AT_MOST = 300;

/** Makes the button record; a second tap ends it and hands over the sound. */
export function recorder(button, recorded, problem) {
  let running;

  async function start() {
    const type = TYPES.find((each) => globalThis.MediaRecorder?.isTypeSupported(each));
    if (!type || !navigator.mediaDevices) {
      return problem("This browser cannot record what WhatsApp takes. Attach a sound file instead.");
    }
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } })
      .catch(() => problem("No microphone. Attach a sound file instead."));
    if (!stream) return;
    const parts = [];
    const began = Date.now();
    running = new MediaRecorder(stream, { mimeType: type });
    running.ondataavailable = ({ data }) => parts.push(data);
    running.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      running = undefined;
      look(false);
      const kind = type.split(";")[0];
      const seconds = Math.max(1, Math.round((Date.now() - began) / 1000));
      const name = kind === "audio/ogg" ? "voice.ogg" : "voice.m4a";
      recorded(new File(parts, name, { type: kind }), `Voice note, ${seconds} s`);
    };
    running.start();
    setTimeout(() => running?.stop(), SECONDS_AT_MOST * 1000);
    look(true);
  }

  function look(isOn) {
    button.classList.toggle("on", isOn);
    button.ariaLabel = isOn ? "Stop recording" : "Record a voice note";
    button.title = button.ariaLabel;
    button.querySelector("use").setAttribute("href", isOn ? "#i-stop" : "#i-mic");
  }

  button.addEventListener("click", () => (running ? running.stop() : start()));
}

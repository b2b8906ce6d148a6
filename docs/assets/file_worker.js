// A browser starts no worker for a page that was opened from a disk. There the search runs in a hidden frame instead,
// which has what a worker's script asks for: messages, and importScripts (here a promise, which that script awaits).
class FrameWorker extends EventTarget {
  constructor(url) {
    super();
    const frame = document.createElement("iframe");
    frame.hidden = true;
    document.body.append(frame);
    this.inside = frame.contentWindow;
    this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    this.inside.importScripts = async (...urls) => {
      for (const each of urls) await this.load(each);
    };
    this.ready = this.load(url);
  }

  load(url) {
    return new Promise((done, failed) => {
      const script = this.inside.document.createElement("script");
      script.src = url;
      script.onload = done;
      script.onerror = () => failed(new Error(`${url} can't be loaded`));
      this.inside.document.body.append(script);
    });
  }

  async postMessage(data) {
    await this.ready;
    this.inside.dispatchEvent(new MessageEvent("message", { data }));
  }

  terminate() {}
}

if (location.protocol === "file:") {
  window.IFrameWorker = FrameWorker; // the name by which the search asks whether it runs in a frame
  window.Worker = FrameWorker;
}

// A page opened as a file may not start a worker; a hidden frame does its work (for the search).
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.document.open();
      inside.postMessage = (data) => {
        const message = new MessageEvent("message", { data });
        this.dispatchEvent(message);
        if (this.onmessage) this.onmessage(message);
      };
      this.inside = new Promise((done) => { inside.started = () => done(inside); });
      inside.document.write(
        `<script src="${url}"></scr` + `ipt><script>window.started()</scr` + "ipt>"
      );
      inside.document.close();
    }
    postMessage(data) {
      this.inside.then((w) => w.dispatchEvent(new w.MessageEvent("message", { data })));
    }
    terminate() {}
  };
}

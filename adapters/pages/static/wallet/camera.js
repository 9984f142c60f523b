// QR codes by the camera, where the browser reads them itself.

// Not yet among the types that editors know of browsers.
const { BarcodeDetector } = /** @type {any} */ (globalThis);

/** Whether it does. */
export async function canScan() {
  if (BarcodeDetector === undefined || navigator.mediaDevices?.getUserMedia === undefined) return false;
  try {
    return (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
  } catch {
    return false;
  }
}

/**
 * Shows what the camera sees until a code is found.
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} signal ends it without a code
 * @returns {Promise<string | undefined>}
 */
export async function scan(video, signal) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  try {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    video.srcObject = stream;
    await video.play();
    while (!signal.aborted) {
      const [found] = await detector.detect(video);
      if (found !== undefined) return found.rawValue;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    return undefined;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}

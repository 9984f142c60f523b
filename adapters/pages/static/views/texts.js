// What views say, in each language. Every text is there in every language; a test sees to it.

import { hundredthsOf } from "../lib/scan_code.js";

/** @type {Record<string, Record<string, string>>} */
export const TEXTS = {
  en: {
    pay: "Pay {amount}",
    login: "Log in",
    payTitle: "Pay {amount}",
    loginTitle: "Log in to {domain}",
    to: "to {name}",
    connecting: "Connecting …",
    ready: "Scan this code with your wallet",
    readyMobile: "Open your wallet to pay",
    readyLoginMobile: "Open your wallet to log in",
    scanned: "Scanned. Confirm in your wallet",
    done: "Paid. Thank you",
    doneLogin: "You are logged in",
    declined: "Declined in the wallet. Nothing was paid",
    canceled: "The shop took this request back. Nothing was paid",
    expired: "The time for this payment is over. Nothing was paid",
    offline: "The connection is lost. Trying again …",
    failed: "This payment cannot be made",
    failedLogin: "This login cannot be made",
    unsupported: "This browser cannot show the code. It works in {browsers}",
    close: "Close",
    cancel: "Cancel",
    openWallet: "Open wallet",
    openDevWallet: "Pay with the wallet of this node",
    openDevWalletLogin: "Log in with the wallet of this node",
    showCode: "Show the code for another phone",
    embedded: "This app's own browser may not open your wallet. Open this page in Safari or Chrome instead.",
    return: "After paying, come back to this browser: your wallet may return to another one.",
    codeOf: "Code: {title}",
  },
  de: {
    pay: "{amount} bezahlen",
    login: "Anmelden",
    payTitle: "{amount} bezahlen",
    loginTitle: "Bei {domain} anmelden",
    to: "an {name}",
    connecting: "Verbindung wird aufgebaut …",
    ready: "Scannen Sie diesen Code mit Ihrer Wallet",
    readyMobile: "Öffnen Sie Ihre Wallet, um zu bezahlen",
    readyLoginMobile: "Öffnen Sie Ihre Wallet, um sich anzumelden",
    scanned: "Gescannt. Bestätigen Sie in Ihrer Wallet",
    done: "Bezahlt. Vielen Dank",
    doneLogin: "Sie sind angemeldet",
    declined: "In der Wallet abgelehnt. Es wurde nichts bezahlt",
    canceled: "Der Händler hat die Anfrage zurückgezogen. Es wurde nichts bezahlt",
    expired: "Die Zeit für diese Zahlung ist um. Es wurde nichts bezahlt",
    offline: "Die Verbindung ist unterbrochen. Neuer Versuch …",
    failed: "Diese Zahlung ist nicht möglich",
    failedLogin: "Diese Anmeldung ist nicht möglich",
    unsupported: "Dieser Browser kann den Code nicht zeigen. Es geht mit {browsers}",
    close: "Schließen",
    cancel: "Abbrechen",
    openWallet: "Wallet öffnen",
    openDevWallet: "Mit der Wallet dieses Knotens bezahlen",
    openDevWalletLogin: "Mit der Wallet dieses Knotens anmelden",
    showCode: "Code für ein anderes Telefon zeigen",
    embedded: "Der Browser in dieser App öffnet Ihre Wallet vielleicht nicht. Öffnen Sie die Seite in Safari oder Chrome.",
    return: "Kehren Sie nach dem Bezahlen in diesen Browser zurück: Ihre Wallet öffnet vielleicht einen anderen.",
    codeOf: "Code: {title}",
  },
  es: {
    pay: "Pagar {amount}",
    login: "Iniciar sesión",
    payTitle: "Pagar {amount}",
    loginTitle: "Iniciar sesión en {domain}",
    to: "a {name}",
    connecting: "Conectando…",
    ready: "Escanee este código con su cartera",
    readyMobile: "Abra su cartera para pagar",
    readyLoginMobile: "Abra su cartera para iniciar sesión",
    scanned: "Escaneado. Confirme en su cartera",
    done: "Pagado. Gracias",
    doneLogin: "Ha iniciado sesión",
    declined: "Rechazado en la cartera. No se ha pagado nada",
    canceled: "La tienda ha retirado la solicitud. No se ha pagado nada",
    expired: "El plazo de este pago ha terminado. No se ha pagado nada",
    offline: "Se perdió la conexión. Intentando de nuevo…",
    failed: "Este pago no se puede hacer",
    failedLogin: "No se puede iniciar sesión",
    unsupported: "Este navegador no puede mostrar el código. Funciona en {browsers}",
    close: "Cerrar",
    cancel: "Cancelar",
    openWallet: "Abrir cartera",
    openDevWallet: "Pagar con la cartera de este nodo",
    openDevWalletLogin: "Iniciar sesión con la cartera de este nodo",
    showCode: "Mostrar el código para otro teléfono",
    embedded: "El navegador de esta aplicación quizá no abra su cartera. Abra la página en Safari o Chrome.",
    return: "Después de pagar, vuelva a este navegador: su cartera puede abrir otro.",
    codeOf: "Código: {title}",
  },
  ar: {
    pay: "ادفع {amount}",
    login: "تسجيل الدخول",
    payTitle: "ادفع {amount}",
    loginTitle: "تسجيل الدخول إلى {domain}",
    to: "إلى {name}",
    connecting: "جارٍ الاتصال…",
    ready: "امسح هذا الرمز بمحفظتك",
    readyMobile: "افتح محفظتك للدفع",
    readyLoginMobile: "افتح محفظتك لتسجيل الدخول",
    scanned: "تم المسح. أكّد في محفظتك",
    done: "تم الدفع. شكرًا لك",
    doneLogin: "تم تسجيل دخولك",
    declined: "رُفض في المحفظة. لم يُدفع شيء",
    canceled: "سحب المتجر هذا الطلب. لم يُدفع شيء",
    expired: "انتهى وقت هذا الدفع. لم يُدفع شيء",
    offline: "انقطع الاتصال. تُعاد المحاولة…",
    failed: "لا يمكن إتمام هذا الدفع",
    failedLogin: "لا يمكن تسجيل الدخول",
    unsupported: "لا يستطيع هذا المتصفح عرض الرمز. يعمل في {browsers}",
    close: "إغلاق",
    cancel: "إلغاء",
    openWallet: "افتح المحفظة",
    openDevWallet: "ادفع بمحفظة هذه العقدة",
    openDevWalletLogin: "سجّل الدخول بمحفظة هذه العقدة",
    showCode: "أظهر الرمز لهاتف آخر",
    embedded: "قد لا يفتح متصفح هذا التطبيق محفظتك. افتح الصفحة في سفاري أو كروم.",
    return: "بعد الدفع عُد إلى هذا المتصفح، فقد تفتح محفظتك متصفحًا آخر.",
    codeOf: "الرمز: {title}",
  },
};

/**
 * The language of a view: the merchant's choice, else the browser's, else English.
 * @param {string | undefined} wanted
 */
export function language(wanted, accepted = navigator.languages) {
  const known = [wanted ?? "", ...accepted].map((tag) => tag.toLowerCase().split("-")[0]);
  return known.find((tag) => tag in TEXTS) ?? "en";
}

/**
 * A text with its blanks filled.
 * @param {string} lang
 * @param {string} key
 * @param {Record<string, string>} [blanks]
 */
export function say(lang, key, blanks = {}) {
  return TEXTS[lang][key].replace(/\{(\w+)\}/g, (_, name) => blanks[name] ?? "");
}

/**
 * An amount as people write it there: the one that the code carries, which is not always the nearest.
 * @param {string} lang
 * @param {string} currency in either case
 * @param {number} amount
 */
export function money(lang, currency, amount) {
  const exact = Number(hundredthsOf(amount)) / 100;
  const digits = { maximumFractionDigits: 2 };
  if (currency.toLowerCase() === "kin") return isolated(lang, `${new Intl.NumberFormat(lang, digits).format(exact)} Kin`);
  return isolated(lang, new Intl.NumberFormat(lang, { style: "currency", currency, ...digits }).format(exact));
}

/** Whether a language is written from right to left. @param {string} lang */
export function isRightToLeft(lang) {
  return lang === "ar";
}

/**
 * Latin letters and their signs keep their order among letters that run the other way.
 * @param {string} lang
 * @param {string} text
 */
export function isolated(lang, text) {
  return isRightToLeft(lang) ? `\u2066${text.replace(/[\u200e\u200f]/g, "")}\u2069` : text;
}

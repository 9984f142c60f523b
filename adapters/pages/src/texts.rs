//! What pages for payers say, in every language. A text that one language lacks does not compile.

/// All texts of one language. `{…}` stands for what is put in.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) payment: &'static str,
    pub(crate) login: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) made_up: &'static str,
    /// `{domain}`
    pub(crate) proved_asks: &'static str,
    /// `{domain}`
    pub(crate) says_it_is: &'static str,
    pub(crate) somebody_asks: &'static str,
    /// `{domain}`
    pub(crate) asks_login: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) paid_to: &'static str,
    /// `{percent}`
    pub(crate) share: &'static str,
    pub(crate) pay_until: &'static str,
    /// `{time}`
    pub(crate) time_left: &'static str,
    pub(crate) intent: &'static str,
    pub(crate) from_the_merchant: &'static str,
    pub(crate) afterwards: &'static str,
    pub(crate) scan: &'static str,
    pub(crate) scan_how: &'static str,
    /// `{amount}`
    pub(crate) ring_title: &'static str,
    /// `{domain}`
    pub(crate) ring_title_login: &'static str,
    pub(crate) no_code: &'static str,
    pub(crate) wrong_code: &'static str,
    pub(crate) other_device: &'static str,
    pub(crate) qr_title: &'static str,
    pub(crate) app: &'static str,
    pub(crate) wallet: &'static str,
    pub(crate) terminal: &'static str,
    pub(crate) state: States,
    pub(crate) tried: &'static str,
    /// `{amount}`, in kin
    pub(crate) given_back: &'static str,
    pub(crate) reload: &'static str,
    pub(crate) offline: &'static str,
    /// `{host}`
    pub(crate) go_on: &'static str,
    /// `{seconds}`, beside a unit that has no plural
    pub(crate) leaving: &'static str,
    pub(crate) stay: &'static str,
    pub(crate) language: &'static str,
    pub(crate) not_found: &'static str,
    pub(crate) not_found_why: &'static str,
    pub(crate) bad_link: &'static str,
    pub(crate) bad_link_why: &'static str,
    pub(crate) unavailable: &'static str,
    pub(crate) unavailable_why: &'static str,
}

/// What has become of it.
#[derive(Debug)]
pub(crate) struct States {
    pub(crate) open: &'static str,
    pub(crate) open_login: &'static str,
    pub(crate) scanned: &'static str,
    pub(crate) scheduled: &'static str,
    pub(crate) confirmed: &'static str,
    pub(crate) logged_in: &'static str,
    pub(crate) declined: &'static str,
    pub(crate) withdrawn: &'static str,
    pub(crate) expired: &'static str,
    pub(crate) rejected: &'static str,
    pub(crate) failed: &'static str,
}

/// Puts a value in.
pub(crate) fn fill(text: &str, name: &str, value: &str) -> String {
    text.replace(&format!("{{{name}}}"), value)
}

pub(crate) const ENGLISH: Texts = Texts {
    payment: "Payment",
    login: "Log in",
    skip: "Skip to the payment",
    made_up: "For trying things out: the money on this node is made up.",
    proved_asks: "{domain} asks for a payment",
    says_it_is: "The request says that it comes from {domain}. Nobody has proved that.",
    somebody_asks: "You are asked for a payment",
    asks_login: "{domain} asks you to log in",
    amount: "Amount",
    paid_to: "Paid to",
    share: "{percent} of it to",
    pay_until: "Pay until",
    time_left: "{time} left",
    intent: "Payment number",
    from_the_merchant: "From the merchant",
    afterwards: "Afterwards back to",
    scan: "Scan to pay",
    scan_how: "Open your wallet app and point it at the round code.",
    ring_title: "Code to pay {amount}",
    ring_title_login: "Code to log in at {domain}",
    no_code: "The code to scan is not part of this link. Ask the merchant for the whole link.",
    wrong_code: "The secret in this link does not belong to this payment, so no code is shown. Ask the merchant for the link again.",
    other_device: "Open this page on another device",
    qr_title: "QR code with the address of this page",
    app: "Open in your wallet app",
    wallet: "Open in this node's wallet",
    terminal: "Pay from a terminal",
    state: States {
        open: "Waiting for the payment",
        open_login: "Waiting for you to log in",
        scanned: "Code scanned. Confirm in your app",
        scheduled: "Paid. It is being settled",
        confirmed: "Paid",
        logged_in: "Logged in",
        declined: "Declined. Nothing was paid",
        withdrawn: "Withdrawn by the merchant. Nothing was paid",
        expired: "Expired. Nothing was paid",
        rejected: "Cannot be paid. Ask the merchant for a new one",
        failed: "Failed. The money is back in the payer's account",
    },
    tried: "A payment was tried and refused. It can be tried again.",
    given_back: "{amount} kin were given back.",
    reload: "Reload this page to see what has happened since",
    offline: "No connection to the node. Trying again.",
    go_on: "Go on to {host}",
    leaving: "Leaving by itself: {seconds} s",
    stay: "Stay here",
    language: "Language",
    not_found: "There is no such payment",
    not_found_why: "This node does not know the payment in the link. Perhaps the link is not whole.",
    bad_link: "This link is not right",
    bad_link_why: "Something in the link is not what it should be. Ask the merchant for a new one.",
    unavailable: "Not just now",
    unavailable_why: "The node cannot answer at the moment. Nothing was paid by this. Try again in a little while.",
};

pub(crate) const GERMAN: Texts = Texts {
    payment: "Zahlung",
    login: "Anmelden",
    skip: "Direkt zur Zahlung",
    made_up: "Zum Ausprobieren: Das Geld auf diesem Knoten ist nicht echt.",
    proved_asks: "{domain} bittet um eine Zahlung",
    says_it_is: "Die Anfrage gibt an, von {domain} zu kommen. Belegt hat das niemand.",
    somebody_asks: "Sie werden um eine Zahlung gebeten",
    asks_login: "{domain} bittet Sie, sich anzumelden",
    amount: "Betrag",
    paid_to: "Empfänger",
    share: "{percent} davon an",
    pay_until: "Zahlbar bis",
    time_left: "noch {time}",
    intent: "Zahlungsnummer",
    from_the_merchant: "Vom Händler",
    afterwards: "Danach zurück zu",
    scan: "Zum Zahlen scannen",
    scan_how: "Öffnen Sie Ihre Wallet-App und richten Sie sie auf den runden Code.",
    ring_title: "Code zum Zahlen von {amount}",
    ring_title_login: "Code zum Anmelden bei {domain}",
    no_code: "Dieser Link enthält den Code zum Scannen nicht. Bitten Sie den Händler um den ganzen Link.",
    wrong_code: "Das Geheimnis in diesem Link gehört nicht zu dieser Zahlung, daher wird kein Code gezeigt. Bitten Sie den Händler erneut um den Link.",
    other_device: "Diese Seite auf einem anderen Gerät öffnen",
    qr_title: "QR-Code mit der Adresse dieser Seite",
    app: "In Ihrer Wallet-App öffnen",
    wallet: "In der Wallet dieses Knotens öffnen",
    terminal: "Im Terminal zahlen",
    state: States {
        open: "Wartet auf die Zahlung",
        open_login: "Wartet auf Ihre Anmeldung",
        scanned: "Code gescannt. Bitte in der App bestätigen",
        scheduled: "Bezahlt. Die Abwicklung läuft",
        confirmed: "Bezahlt",
        logged_in: "Angemeldet",
        declined: "Abgelehnt. Es wurde nichts gezahlt",
        withdrawn: "Vom Händler zurückgezogen. Es wurde nichts gezahlt",
        expired: "Abgelaufen. Es wurde nichts gezahlt",
        rejected: "Kann nicht bezahlt werden. Bitten Sie den Händler um eine neue Anfrage",
        failed: "Fehlgeschlagen. Das Geld ist wieder auf dem Konto des Zahlers",
    },
    tried: "Eine Zahlung wurde versucht und abgewiesen. Sie können es erneut versuchen.",
    given_back: "{amount} Kin wurden erstattet.",
    reload: "Diese Seite neu laden, um zu sehen, was seitdem geschehen ist",
    offline: "Keine Verbindung zum Knoten. Neuer Versuch läuft.",
    go_on: "Weiter zu {host}",
    leaving: "Weiter von selbst: {seconds} s",
    stay: "Hier bleiben",
    language: "Sprache",
    not_found: "Diese Zahlung gibt es nicht",
    not_found_why: "Dieser Knoten kennt die Zahlung aus dem Link nicht. Vielleicht ist der Link unvollständig.",
    bad_link: "Dieser Link stimmt nicht",
    bad_link_why: "Etwas in dem Link ist nicht, wie es sein soll. Bitten Sie den Händler um einen neuen.",
    unavailable: "Gerade nicht möglich",
    unavailable_why: "Der Knoten kann im Moment nicht antworten. Dadurch wurde nichts gezahlt. Versuchen Sie es gleich noch einmal.",
};

pub(crate) const SPANISH: Texts = Texts {
    payment: "Pago",
    login: "Iniciar sesión",
    skip: "Ir directamente al pago",
    made_up: "Para hacer pruebas: el dinero de este nodo es ficticio.",
    proved_asks: "{domain} solicita un pago",
    says_it_is: "La solicitud dice venir de {domain}. Nadie lo ha demostrado.",
    somebody_asks: "Se le solicita un pago",
    asks_login: "{domain} le pide que inicie sesión",
    amount: "Importe",
    paid_to: "Se paga a",
    share: "{percent} del total para",
    pay_until: "Pagar antes de",
    time_left: "quedan {time}",
    intent: "Número de pago",
    from_the_merchant: "Del comercio",
    afterwards: "Después, de vuelta a",
    scan: "Escanear para pagar",
    scan_how: "Abra su aplicación de monedero y apunte al código redondo.",
    ring_title: "Código para pagar {amount}",
    ring_title_login: "Código para iniciar sesión en {domain}",
    no_code: "Este enlace no contiene el código que se escanea. Pida al comercio el enlace completo.",
    wrong_code: "El secreto de este enlace no corresponde a este pago, por eso no se muestra ningún código. Pida de nuevo el enlace al comercio.",
    other_device: "Abrir esta página en otro dispositivo",
    qr_title: "Código QR con la dirección de esta página",
    app: "Abrir en su aplicación de monedero",
    wallet: "Abrir en el monedero de este nodo",
    terminal: "Pagar desde una terminal",
    state: States {
        open: "Esperando el pago",
        open_login: "Esperando que inicie sesión",
        scanned: "Código escaneado. Confirme en su aplicación",
        scheduled: "Pagado. Se está liquidando",
        confirmed: "Pagado",
        logged_in: "Sesión iniciada",
        declined: "Rechazado. No se ha pagado nada",
        withdrawn: "Retirado por el comercio. No se ha pagado nada",
        expired: "Caducado. No se ha pagado nada",
        rejected: "No se puede pagar. Pida una solicitud nueva al comercio",
        failed: "Fallido. El dinero ha vuelto a la cuenta del pagador",
    },
    tried: "Se intentó un pago y fue rechazado. Puede intentarse de nuevo.",
    given_back: "Se han devuelto {amount} kin.",
    reload: "Recargue esta página para ver qué ha ocurrido desde entonces",
    offline: "Sin conexión con el nodo. Se está reintentando.",
    go_on: "Continuar a {host}",
    leaving: "Continuación automática: {seconds} s",
    stay: "Quedarse aquí",
    language: "Idioma",
    not_found: "No existe este pago",
    not_found_why: "Este nodo no conoce el pago del enlace. Puede que el enlace esté incompleto.",
    bad_link: "Este enlace no es correcto",
    bad_link_why: "Algo en el enlace no es como debería. Pida uno nuevo al comercio.",
    unavailable: "Ahora no es posible",
    unavailable_why: "El nodo no puede responder en este momento. Con esto no se ha pagado nada. Inténtelo de nuevo en un momento.",
};

pub(crate) const ARABIC: Texts = Texts {
    payment: "دفع",
    login: "تسجيل الدخول",
    skip: "الانتقال إلى الدفع مباشرة",
    made_up: "للتجربة فقط: المال على هذه العقدة غير حقيقي.",
    proved_asks: "يطلب {domain} منك دفعة",
    says_it_is: "يقول الطلب إنه من {domain}. لم يثبت أحد ذلك.",
    somebody_asks: "مطلوب منك دفعة",
    asks_login: "يطلب {domain} منك تسجيل الدخول",
    amount: "المبلغ",
    paid_to: "يُدفع إلى",
    share: "{percent} منه إلى",
    pay_until: "ادفع قبل",
    time_left: "متبقٍّ {time}",
    intent: "رقم الدفعة",
    from_the_merchant: "من التاجر",
    afterwards: "ثم العودة إلى",
    scan: "امسح الرمز للدفع",
    scan_how: "افتح تطبيق محفظتك ووجّهه نحو الرمز الدائري.",
    ring_title: "رمز لدفع {amount}",
    ring_title_login: "رمز لتسجيل الدخول إلى {domain}",
    no_code: "هذا الرابط لا يتضمن الرمز المطلوب مسحه. اطلب الرابط الكامل من التاجر.",
    wrong_code: "السر الموجود في هذا الرابط لا يخص هذه الدفعة، لذلك لا يظهر أي رمز. اطلب الرابط من التاجر مرة أخرى.",
    other_device: "افتح هذه الصفحة على جهاز آخر",
    qr_title: "رمز QR بعنوان هذه الصفحة",
    app: "افتح في تطبيق محفظتك",
    wallet: "افتح في محفظة هذه العقدة",
    terminal: "ادفع من سطر الأوامر",
    state: States {
        open: "بانتظار الدفع",
        open_login: "بانتظار تسجيل دخولك",
        scanned: "تم مسح الرمز. أكّد في تطبيقك",
        scheduled: "تم الدفع، والتسوية جارية",
        confirmed: "تم الدفع",
        logged_in: "تم تسجيل الدخول",
        declined: "تم الرفض. لم يُدفع شيء",
        withdrawn: "سحب التاجر الطلب. لم يُدفع شيء",
        expired: "انتهت المهلة. لم يُدفع شيء",
        rejected: "لا يمكن دفعها. اطلب طلبًا جديدًا من التاجر",
        failed: "فشلت العملية. عاد المال إلى حساب الدافع",
    },
    tried: "جرت محاولة دفع ورُفضت. يمكن المحاولة مرة أخرى.",
    given_back: "أُعيد {amount} كين.",
    reload: "أعد تحميل هذه الصفحة لمعرفة ما حدث منذ ذلك الحين",
    offline: "لا اتصال بالعقدة. تجري المحاولة من جديد.",
    go_on: "المتابعة إلى {host}",
    leaving: "انتقال تلقائي: {seconds} ث",
    stay: "البقاء هنا",
    language: "اللغة",
    not_found: "لا توجد دفعة كهذه",
    not_found_why: "لا تعرف هذه العقدة الدفعة المذكورة في الرابط. ربما كان الرابط ناقصًا.",
    bad_link: "هذا الرابط غير صحيح",
    bad_link_why: "شيء ما في الرابط ليس كما ينبغي. اطلب رابطًا جديدًا من التاجر.",
    unavailable: "غير ممكن الآن",
    unavailable_why: "لا تستطيع العقدة الإجابة في هذه اللحظة. لم يُدفع شيء بسبب ذلك. حاول مجددًا بعد قليل.",
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::language::Language;

    /// Every text of a language in the order of the fields, as `{:?}` shows a structure of constants.
    fn all(language: Language) -> Vec<String> {
        let shown = format!("{:?}", language.texts());
        shown.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_language_says_everything_with_the_same_values_in_it() {
        let places = |text: &String| -> BTreeSet<String> {
            // As it is shown, a mark above a letter stands in braces too.
            let text = text.replace("\\u{", "");
            let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
            parts.map(|(name, _)| name.to_owned()).collect()
        };
        let english = all(Language::English);
        assert!(english.len() > 45, "{}", english.len());
        for language in Language::ALL {
            let texts = all(language);
            assert_eq!(texts.len(), english.len(), "{language:?}");
            for (text, original) in texts.iter().zip(&english) {
                assert!(!text.trim().is_empty(), "{language:?} has no words for {original:?}");
                assert_eq!(places(text), places(original), "{language:?}: {text:?}");
            }
            let same = texts.iter().zip(&english).filter(|(text, original)| text == original).count();
            assert!(language == Language::English || same == 0, "{language:?}: {same} texts are English");
        }
    }
}

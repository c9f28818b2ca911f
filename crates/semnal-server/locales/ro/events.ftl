# Evenimente și catalogul a ceea ce se poate întâmpla.
events-title = Evenimente
events-text = Ce s-a întâmplat, cele mai noi întâi, și ce a devenit fiecare eveniment.
events-filter = Numele evenimentului, de exemplu payment_received
events-fan-out = Livrări
events-event-id = ID eveniment
events-nobody = niciun webhook
events-empty = Încă niciun eveniment
events-empty-text = Un eveniment apare aici când aplicația ta îl trimite sau când trimiți un eveniment de test spre un webhook.
events-open-catalogue = Vezi ce evenimente există
event-resend = { $count ->
    [one] Retrimite
    [few] Retrimite la toate cele { $count }
   *[other] Retrimite la toate cele { $count }
}
event-resent = Se trimite din nou la webhook-urile lui.
event-channels = Canale
event-payload = Conținut (payload)
event-matched = { $count ->
    [one] Trimis la un webhook
    [few] Trimis la { $count } webhook-uri
   *[other] Trimis la { $count } de webhook-uri
}
event-nobody = Niciun webhook nu dorea acest eveniment când a fost primit.
event-not-shown = { $count ->
    [one] Încă unul nu este arătat.
    [few] Încă { $count } nu sunt arătate.
   *[other] Încă { $count } nu sunt arătate.
}
event-others = { $count ->
    [one] Un webhook nu l-a primit
    [few] { $count } webhook-uri nu l-au primit
   *[other] { $count } de webhook-uri nu l-au primit
}
event-today = Motivele țin de cum sunt setate webhook-urile astăzi.
event-why-type = Nu dorește { $event }.
event-why-channel = Dorește alte canale.
event-why-younger = A fost creat după eveniment.
event-why-changed = Astăzi l-ar primi. Setările lui s-au schimbat de atunci.
catalogue-title = Catalog de evenimente
catalogue-text = Toate evenimentele care există, ce înseamnă și ce conțin.
catalogue-add = Adaugă un tip de eveniment
catalogue-search = Caută după nume sau descriere
catalogue-show-archived = { $count ->
    [one] Arată unul arhivat
    [few] Arată { $count } arhivate
   *[other] Arată { $count } arhivate
}
catalogue-empty = Catalogul este gol
catalogue-empty-text = Adaugă evenimentele pe care le trimite aplicația ta, ca să poată fi alese pentru webhook-uri.
catalogue-no-group = Fără grup
catalogue-description = Descriere
catalogue-subscribers = Webhook-uri
catalogue-week = Ultimele 7 zile
catalogue-webhook = Creează webhook pentru acest eveniment
catalogue-edit = Modifică
catalogue-edit-title = Modifică { $name }
catalogue-archive = Arhivează
catalogue-restore = Scoate din arhivă
catalogue-archived-word = Arhivat
catalogue-deprecated = Depășit
catalogue-nobody = Încă niciunul nu îl dorește.
catalogue-last = Văzut ultima dată
catalogue-never = niciodată
catalogue-checked = Conținuturi
catalogue-enforced = Cele care nu respectă schema sunt refuzate.
catalogue-not-enforced = Acceptate fie că respectă schema, fie că nu.
catalogue-example = Exemplu
catalogue-no-example = Încă niciun exemplu.
catalogue-fields = Câmpuri
catalogue-no-fields = Schema nu numește câmpuri.
catalogue-type = Tip
catalogue-required = obligatoriu
catalogue-schema = Schemă JSON
catalogue-schema-of = Schemă JSON, versiunea { $version }
catalogue-send = Trimite un astfel de eveniment
catalogue-try = Verifică un conținut
catalogue-try-text = Lipește un conținut ca să fie comparat cu schema. Nu se trimite nimic.
catalogue-try-submit = Verifică
catalogue-try-good = Acest conținut este bun.
catalogue-try-bad = Acest conținut nu se potrivește:
catalogue-not-json = De la linia { $line }, coloana { $column } nu este JSON.
catalogue-name = Nume
catalogue-name-hint = Pentru programe: litere, cifre, puncte, liniuțe și liniuțe de subliniere, de exemplu order.paid. Nu se poate schimba mai târziu.
catalogue-name-wrong = Scrie un nume din litere, cifre, puncte, liniuțe și liniuțe de subliniere, cel mult 256 de caractere.
catalogue-name-taken = Există deja un tip de eveniment cu acest nume. Alege alt nume sau modifică-l pe acela.
catalogue-label = Titlu
catalogue-label-hint = Pentru oameni, de exemplu Comandă plătită.
catalogue-description-hint = Când se întâmplă și ce conține.
catalogue-group = Grup
catalogue-group-hint = Titlul sub care este listat.
catalogue-example-hint = Un conținut așa cum îl trimite aplicația ta: un obiect JSON.
catalogue-schema-hint = Cum trebuie să arate conținuturile. Las-o goală ca să accepți orice.
catalogue-enforce = Refuză conținuturile care nu respectă schema
catalogue-enforce-text = Cine trimite un astfel de eveniment primește o eroare care numește locul.
catalogue-save = Salvează
catalogue-created = { $name } este în catalog.
catalogue-changed = { $name } este salvat.
catalogue-archived = { $name } este arhivat. Ce există funcționează mai departe; nu se mai oferă.
catalogue-restored = { $name } se oferă din nou.
catalogue-field-wrong = Nu este acceptat: { $why }
catalogue-example-wrong = Exemplul trebuie să fie un obiect JSON: { $why }
catalogue-schema-wrong = Schema nu poate fi folosită: { $why }

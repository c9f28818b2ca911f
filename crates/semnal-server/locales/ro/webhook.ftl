# Un webhook: formularul, pagina, secretul și testul lui.
webhook-new-text = Este activ de îndată ce e salvat.
webhook-edit-title = Modifică { $name }
webhook-edit = Modifică
webhook-save = Salvează
webhook-delete = Șterge
webhook-name-hint = Pentru tine. Fără nume se arată gazda din URL.
webhook-url-hint = Unde se trimite evenimentul, de exemplu https://example.com/hooks
webhook-use-bin = Folosește un coș de cereri
webhook-events = Eveniment
webhook-all-text = Și cele care vor apărea mai târziu
webhook-chosen = Doar acestea
webhook-find = Caută un eveniment
webhook-found = Evenimente găsite
webhook-more = Secret, antete, filtru, reîncercări, limite
webhook-secret = Secret de semnare
webhook-secret-hint = Lasă gol și se face unul. Altfel whsec_… de 24 până la 75 de octeți.
webhook-secret-text = Cu el verifică destinația că o cerere vine de aici.
webhook-secret-show = Arată
webhook-secret-hide = Ascunde
webhook-headers = Antete proprii
webhook-headers-hint = Câte unul pe linie, nume: valoare. Pentru o cheie pe care o cere destinația.
webhook-channels = Canale
webhook-channels-hint = Doar evenimentele de pe unul dintre aceste canale; gol înseamnă toate.
webhook-retry = Reîncercări
webhook-retry-hint = Gol pentru cele obișnuite ({ $words }); altfel pauze, de exemplu 5s, 5m, 2h.
webhook-rate = Încercări pe secundă
webhook-rate-hint = Gol: fără limită.
webhook-concurrency = Încercări deodată
webhook-concurrency-hint = Gol: câte suportă bine.
webhook-made = { $name } a fost adăugat și este activ.
webhook-saved = { $name } a fost salvat.
webhook-rotated = { $name } are un secret nou. Dă-l destinației.
webhook-next = Urmează: încearcă-l
webhook-next-text = Dă destinației secretul de mai jos, apoi trimite un eveniment de test și vezi ce iese.
webhook-test = Trimite eveniment de test
webhook-recent = Livrări recente
webhook-recent-none = Încă niciuna. Și un eveniment de test este o livrare.
webhook-recent-all = Toate livrările acestui webhook
webhook-facts = Setări
webhook-integration = Integrare
webhook-created = Adăugat
webhook-updated = Schimbat
webhook-runs = { $count ->
    [one] Un eveniment i-a fost destinat până acum
    [few] { $count } evenimente i-au fost destinate până acum
   *[other] { $count } de evenimente i-au fost destinate până acum
}
webhook-why-paused = Este în pauză: evenimentele lui sunt păstrate și trimise când îl reiei.
webhook-why-disabled = Este dezactivat la cerere: evenimentele lui sunt păstrate și trimise când îl reiei.
webhook-why-gone = A fost dezactivat pentru că destinația a răspuns 410 Gone. Evenimentele lui sunt păstrate. Schimbă URL-ul, apoi reia-l.
webhook-why-failing = A fost dezactivat pentru că zile la rând doar a eșuat. Evenimentele lui sunt păstrate; din când în când se încearcă unul, iar un succes îl readuce.
webhook-delivered = Livrat
webhook-held = Reținut
webhook-pending = În așteptare
webhook-failed = Eșuat
webhook-cancelled = Anulat
webhook-expired = Expirat
webhook-rotate = Secret nou
webhook-rotate-title = Faci un secret nou pentru { $name }?
webhook-rotate-text = De acum cererile se semnează cu cel nou.
webhook-rotate-old = Secretul vechi
webhook-rotate-day = Semnează alături încă 24 de ore
webhook-rotate-day-text = Timp să îl schimbi la destinație.
webhook-rotate-now = Încetează imediat
webhook-rotate-now-text = Când îl știe altcineva. Până are secretul nou, destinația refuză ce i se trimite.
webhook-delete-title = Ștergi { $name }?
webhook-delete-several = { $count ->
    [one] Ștergi un webhook?
    [few] Ștergi { $count } webhook-uri?
   *[other] Ștergi { $count } de webhook-uri?
}
webhook-delete-text = Ce nu a fost livrat încă se anulează. Nu se poate reface; ca să îl oprești o vreme, pune-l în pauză.
offer-preview = Previzualizare
offer-preview-empty = Alege un eveniment ca să vezi ce trimite.
offer-title = Toate evenimentele
offer-text = { $count ->
    [one] Un eveniment, cu ce înseamnă și ce trimite.
    [few] { $count } evenimente, cu ce înseamnă și ce trimit.
   *[other] { $count } de evenimente, cu ce înseamnă și ce trimit.
}
offer-example = Conținut (payload)
offer-no-example = Nu are un conținut de exemplu.
offer-fields = { $count ->
    [one] Un câmp
    [few] { $count } câmpuri
   *[other] { $count } de câmpuri
}
offer-required = mereu prezent
offer-schema = Schemă
offer-curl = Trimite unul cu curl
offer-use = Folosește evenimentul
offer-deprecated = pe cale de dispariție
offer-unlisted = Nu este în catalog
offer-none = Catalogul nu are evenimente. Alege-le pe toate sau adaugă în catalog.
schedule-once = O singură încercare, niciuna după ea
schedule-words = { $count ->
    [one] O încercare în { $length }: imediat, apoi după { $waits }
    [few] { $count } încercări în { $length }: imediat, apoi după { $waits }
   *[other] { $count } de încercări în { $length }: imediat, apoi după { $waits }
}
length-days = { $count ->
    [one] o zi
    [few] { $count } zile
   *[other] { $count } de zile
}
length-hours = { $count ->
    [one] o oră
    [few] { $count } ore
   *[other] { $count } de ore
}
length-minutes = { $count ->
    [one] un minut
    [few] { $count } minute
   *[other] { $count } de minute
}
length-seconds = { $count ->
    [one] o secundă
    [few] { $count } secunde
   *[other] { $count } de secunde
}
field-name = Nume: cel mult 4.096 de caractere.
field-url-missing = URL: scrie unde se trimit evenimentele.
field-url-whole = URL: scrie adresa întreagă, începând cu https://
field-url-scheme = URL: doar https:// și http:// pot primi webhook-uri.
field-url-https = URL: http simplu este oprit pe acest server; folosește https://
field-url-userinfo = URL: are date de autentificare înainte de „@”. Trimite-le într-un antet propriu.
field-url-no-host = URL: lipsește gazda dintre // și cale.
field-url-port = URL: portul nu este un număr de la 1 la 65535 sau este rezervat altui serviciu.
field-url-local = URL: această gazdă numește chiar serverul. Folosește un nume public.
field-url-space = URL: are spații sau caractere de control. Scoate-le.
field-url-odd = URL: gazda nu poate fi scrisă așa. Compar-o cu adresa destinației.
field-url-address = URL: adresa este privată sau locală, iar livrările nu pot merge acolo.
field-events = Eveniment: alege cel puțin unul sau pe toate.
field-channels = Canale: cel mult 10, din litere, cifre, „-”, „_” și „.”.
field-secret = Secret: base64 de 24 până la 75 de octeți, cu sau fără whsec_, sau o pereche de chei ed25519.
field-headers = Antete: { $why }
field-headers-line = Antete: „{ $line }” nu are două puncte. Scrie nume: valoare.
field-headers-twice = Antete: { $name } apare de două ori.
field-retry = Reîncercări: pauze cu unitate, de exemplu 5s, 5m, 2h, 1d; cel mult 64, fiecare de cel mult 30 de zile.
field-number = Limite: un număr întreg de la 1 la 65535 sau gol.
test-title = Trimite un eveniment de test către { $name }
test-text = Merge pe drumul evenimentelor reale, semnat, la
test-mark = Test
test-own = Evenimentele acestui webhook
test-others = Alte evenimente
test-example = Arată exemplul
test-payload = Conținut (payload)
test-payload-hint = Exemplul, de schimbat după plac.
test-once = Un test poartă antetul webhook-test: true. Se trimite o dată și nu se reîncearcă.
test-busy = Se trimite și se așteaptă răspunsul…
test-delivered = Livrat
test-failed = Nelivrat
test-held = Netrimis încă
test-open = Încă pe drum
test-open-text = Destinația mai are nevoie de timp. Uită-te din nou într-o clipă.
test-again = Uită-te din nou
test-waits = Și un test ar aștepta.
test-delivery = Deschide livrarea
test-answer = Răspunsul destinației
test-no-body = Corpul este gol. Este în regulă: contează doar codul.
test-cut = Se păstrează doar primii 16 KiB.
test-headers = { $count ->
    [one] Un antet
    [few] { $count } antete
   *[other] { $count } de antete
}
test-no-event = Eveniment: alege unul din catalog.
test-not-json = Conținut: nu este JSON la linia { $line }, coloana { $column }.
test-not-object = Conținut: scrie un obiect JSON, { "{" } … { "}" }, cu cel mult 128 de niveluri.
test-schema = Conținut: nu se potrivește cu schema evenimentului: { $why }
test-none = Niciun eveniment de trimis
test-none-text = Adaugă întâi unul în catalogul de evenimente.

# Coșurile de cereri.
decimal-mark = ,
bins-title = Coșuri de cereri
bins-text = URL-uri care păstrează tot ce li se trimite, octet cu octet.
bins-name = Nume
bins-name-hint = Opțional: fără nume, coșul primește un număr.
bins-name-wrong = Numele nu poate fi folosit: { $detail }.
bins-create = Creează un coș
bins-unnamed = Coș de cereri { $number }
bins-created = { $name } este gata. Trimite ceva la URL-ul lui.
bins-too-many = { $count ->
    [one] Există un coș, mai multe nu pot fi. Șterge-l întâi.
    [few] Există { $count } coșuri, mai multe nu pot fi. Șterge întâi unul.
   *[other] Există { $count } de coșuri, mai multe nu pot fi. Șterge întâi unul.
}
bins-none = Încă niciun coș
bins-none-text = Creează unul cu butonul de mai sus: ajunge un clic, iar URL-ul lui captează cereri imediat.
bins-away = Coșurile de cereri nu sunt disponibile
bins-off = Sunt oprite pe acest server: bin_listen este none în setări.
bins-broken = Fișierul lor nu poate fi folosit. Jurnalul serverului spune de ce; livrările merg mai departe.
bins-search = Caută după nume sau URL
bins-url = URL
bins-requests = Cereri
bins-size = Mărime
bins-used = Ultima folosire
bins-expires = Dispare
bins-unread = { $count ->
    [one] una nouă
    [few] { $count } noi
   *[other] { $count } noi
}
bins-empty = Golește
bins-empty-title = Golești { $name }?
bins-empty-text = { $count ->
    [one] Cererea pe care o păstrează va fi ștearsă. Nu se poate anula.
    [few] Toate cele { $count } cereri pe care le păstrează vor fi șterse. Nu se poate anula.
   *[other] Toate cele { $count } de cereri pe care le păstrează vor fi șterse. Nu se poate anula.
}
bins-emptied = { $name } este gol.
bins-delete = Șterge
bins-delete-title = Ștergi { $name }?
bins-delete-text = URL-ul lui nu va mai funcționa, iar ce a captat va fi șters. Nu se poate anula.
bins-delete-used = { $count ->
    [one] URL-ul lui nu va mai funcționa, iar ce a captat va fi șters. Un webhook trimite la el și va eșua de atunci.
    [few] URL-ul lui nu va mai funcționa, iar ce a captat va fi șters. { $count } webhook-uri trimit la el și vor eșua de atunci.
   *[other] URL-ul lui nu va mai funcționa, iar ce a captat va fi șters. { $count } de webhook-uri trimit la el și vor eșua de atunci.
}
bins-deleted = { $name } a fost șters.
bins-saved = { $name } a fost salvat.
bins-expiry-wrong = Ora nu poate fi folosită: { $detail }.
bin-goes = Dispare
bin-answer = Răspuns
bin-export = Exportă
bin-edit = Nume și expirare
bin-save = Salvează
bin-expiry-use = La un timp după ultima folosire
bin-expiry-at = La o oră anume
bin-expiry-time = Ora, în UTC
bin-expiry-hint = Contează numai când dispare la o oră anume.
bin-try = Trimite ceva ca să apară aici
bin-search = Caută în antete și conținut
bin-pause = Pauză
bin-reload = Reîncarcă
bin-newest = Cele mai noi
bin-older = Mai vechi
bin-new = { $count ->
    [one] o cerere nouă
    [few] { $count } cereri noi
   *[other] { $count } de cereri noi
}
bin-held = { $count ->
    [one] o cerere din cel mult { $limit } · { $size }
    [few] { $count } cereri din cel mult { $limit } · { $size }
   *[other] { $count } de cereri din cel mult { $limit } · { $size }
}
bin-nothing = Încă nu a ajuns nimic
bin-nothing-text = Cererile apar aici pe măsură ce vin.
bin-is-new = nouă
bin-has-problem = HTTP nevalid
bin-is-delivery = livrare
bin-back = Toate cererile
bin-request = Cererea { $number }
bin-request-newest = Cea mai nouă: cererea { $number }
bin-newer-one = Cererea următoare, mai nouă
bin-older-one = Cererea dinainte, mai veche
bin-neighbours = Cererile de lângă aceasta
bin-problem = Nu este HTTP valid și a primit răspunsul 400:
bin-request-line = Linia cererii
bin-received = Primită
bin-from = De la
bin-body = Conținut
bin-event = Eveniment
bin-attempt = încercarea { $number }
bin-delivery = livrarea ei
bin-download = Descarcă
bin-request-delete = Șterge
bin-request-deleted = Cererea { $name } a fost ștearsă.
bin-readings = Moduri de a citi cererea
bin-tab-tree = Arbore
bin-tab-pretty = Aranjat
bin-tab-raw = Brut
bin-tab-hex = Hexazecimal
bin-tab-form = Formular
bin-tab-headers = Antete
bin-tab-query = Interogare
bin-reveal = Arată
bin-entries = { $count ->
    [one] o intrare
    [few] { $count } intrări
   *[other] { $count } de intrări
}
bin-no-body = Cererea nu are conținut.
bin-no-headers = Cererea nu are antete.
bin-no-query = URL-ul nu are interogare.
bin-no-json = Conținutul nu este JSON. „Brut” și „Hexazecimal” îl arată așa cum a venit.
bin-note-cut = S-au păstrat numai primii { $kept } din { $whole }.
bin-note-first = Se arată primii { $size }; descărcarea are totul.
bin-note-unpacked = Conținutul a venit comprimat; iată ce cuprinde: { $size }.
bin-note-unpacked-cut = Conținutul a venit comprimat și este foarte mare; aceștia sunt primii { $size }.
bin-note-unpacked-broken = Conținutul a venit comprimat, dar se termină cu ceva ce nu poate fi despachetat; aceștia sunt primii { $size }.
bin-note-broken = De la octetul { $offset } încolo nu mai este JSON: trebuia să urmeze { $expected }.
bin-note-tokens = { $count ->
    [one] Se citește prima parte.
    [few] Se citesc primele { $count } părți; „Brut” are mai mult.
   *[other] Se citesc primele { $count } de părți; „Brut” are mai mult.
}
bin-note-lines = { $count ->
    [one] Se arată prima linie.
    [few] Se arată primele { $count } linii; descărcarea are totul.
   *[other] Se arată primele { $count } de linii; descărcarea are totul.
}
bin-note-deep = { $count ->
    [one] Ce este mai adânc de un nivel nu se arată.
    [few] Ce este mai adânc de { $count } niveluri nu se arată; „Brut” îl are.
   *[other] Ce este mai adânc de { $count } de niveluri nu se arată; „Brut” îl are.
}
bin-note-value = { $count ->
    [one] Valorile se taie după un caracter.
    [few] Valorile se taie după { $count } caractere; „Brut” le are întregi.
   *[other] Valorile se taie după { $count } de caractere; „Brut” le are întregi.
}
bin-note-pairs = { $count ->
    [one] Se arată prima pereche.
    [few] Se arată primele { $count } perechi; „Brut” are totul.
   *[other] Se arată primele { $count } de perechi; „Brut” are totul.
}
bin-copy = Copiază ca
bin-copy-text = Comanda trimite din nou aceeași cerere, cu tot cu secrete.
bin-copy-raw = Așa cum a venit
bin-copy-cut = S-a păstrat numai o parte din conținut, deci nu se trimite tot.
bin-copy-long = Este prea lung ca să fie arătat aici. Descarcă mai bine cererea.
bin-verify = Verifică semnătura
bin-verify-text = Verifică semnătura așa cum era în clipa sosirii.
bin-verify-webhook = Cu secretul unui webhook care trimite aici
bin-verify-secret = Sau cu un secret
bin-verify-secret-hint = whsec_… sau whpk_…; este folosit o dată și nu este păstrat nicăieri.
bin-verify-secret-wrong = Nu este un secret: { $detail }.
bin-verify-nothing = Lipește un secret: niciun webhook nu trimite la acest coș.
bin-verify-valid = Semnătura este bună.
bin-verify-missing = Semnătura nu poate fi verificată: { $detail }.
bin-verify-timestamp = Marca de timp nu este un număr de secunde.
bin-verify-old = Marca de timp este prea veche: destinațiile refuză ce diferă cu mai mult de 5 minute.
bin-verify-new = Marca de timp este prea departe în viitor: destinațiile refuză ce diferă cu mai mult de 5 minute.
bin-verify-cut = S-a păstrat numai o parte din conținut, deci semnătura nu poate fi verificată.
bin-verify-no-match = Nicio semnătură nu este a acestui secret. Compară ce s-a semnat și vezi dacă secretul este cel potrivit.
bin-verify-seconds = cu { $seconds } s înainte de sosire
bin-verify-got = Semnături venite
bin-verify-expected = Semnătura acestui secret
bin-verify-base = Ce se semnează
bin-replay = Trimite din nou
bin-replay-text = Trimite cererea încă o dată, pe drumul livrărilor. Ce nu schimbi se trimite octet cu octet.
bin-replay-url = Trimite la
bin-replay-url-hint = Un URL întreg; regulile sunt cele ale webhook-urilor.
bin-replay-method = Metodă
bin-replay-headers-hint = Câte unul pe linie, Nume: valoare. Un secret mascat se trimite așa cum a venit.
bin-replay-body = Conținutul se trimite așa cum a venit: este lung sau nu este text simplu.
bin-replay-send = Trimite
bin-replay-answer = Ce a răspuns destinația
bin-replay-cut = Se arată numai începutul răspunsului.
bin-replay-good = Livrat · { $status } · { $duration } ms
bin-replay-bad = Nelivrat · { $status } · { $duration } ms
bin-replay-failed = Nelivrat · { $detail } · { $duration } ms
bin-replay-before = Data trecută: { $before }.
bin-replay-same = La fel ca data trecută: { $before }.
bin-replay-conflict = Cererea nu poate fi trimisă așa: { $detail }.
bin-replay-url-wrong = URL-ul nu poate fi folosit: { $detail }.
bin-replay-method-wrong = Metoda nu poate fi folosită: { $detail }.
bin-replay-headers-wrong = Antetele nu pot fi folosite: { $detail }.
bin-diff = Compară
bin-diff-with = Compară cu cererea
bin-diff-show = Compară
bin-diff-same = Sunt la fel.
bin-diff-gone = − numai în cererea { $number }
bin-diff-new = + numai în cererea { $number }
bin-diff-cut = Comparația este lungă; se arată începutul ei.
bin-diff-none = Nu este cu ce compara
bin-diff-none-text = Coșul păstrează numai această cerere.
bin-diff-equal = { $count ->
    [one] o linie la fel
    [few] { $count } linii la fel
   *[other] { $count } de linii la fel
}
bin-answer-text = Ce răspunde coșul celui care trimite ceva. Câmpurile goale au valoarea obișnuită.
bin-answer-saved = { $name } răspunde așa de acum încolo.
bin-answer-status = Stare (status)
bin-answer-status-wrong = Starea nu poate fi folosită: { $detail }.
bin-answer-sequence = Stările următoarelor cereri
bin-answer-sequence-hint = Câte una, de exemplu 500, 500, 200. Ultima rămâne.
bin-answer-sequence-wrong = Lista nu poate fi folosită: { $detail }.
bin-answer-type = Tipul conținutului
bin-answer-type-wrong = Tipul conținutului nu poate fi folosit: { $detail }.
bin-answer-headers-hint = Câte unul pe linie, Nume: valoare.
bin-answer-headers-wrong = Un antet nu poate fi trimis: { $detail }.
bin-answer-body-hint = Gol: un mic obiect JSON care spune că cererea a fost captată.
bin-answer-bytes = Conținutul nu este text. Lasă gol ca să rămână.
bin-answer-body-wrong = Conținutul nu poate fi folosit: { $detail }.
bin-answer-delay = Întârziere în milisecunde
bin-answer-delay-hint = Cel mult 30.000.
bin-answer-delay-wrong = Întârzierea nu poate fi folosită: { $detail }.
bin-answer-handshake = Verificarea adresei (handshake)
bin-answer-sender = Răspunde verificării de la
bin-answer-sender-hint = Cine întreabă întâi dacă URL-ul este al tău primește ce vrea; celelalte cereri primesc răspunsul de mai sus.
bin-answer-none = Nimic
bin-answer-secret = Secretul verificării
bin-answer-secret-hint = „Secret token” de la Zoom sau „verify token” de la Meta; Slack și Asana nu au.
bin-answer-secret-kept = Există unul. Lasă gol ca să rămână.
bin-answer-handshake-wrong = Verificarea nu poate fi folosită: { $detail }.
bin-answer-fault = Defecțiuni voite
bin-answer-kind = Ce nu merge
bin-answer-fault-wrong = Defecțiunea nu poate fi folosită: { $detail }.
bin-fault-status = Altă stare
bin-fault-timeout = Niciun răspuns
bin-fault-drip = Răspunsul vine octet cu octet
bin-fault-reset = Conexiunea se întrerupe
bin-fault-percent = În câte din 100 de cereri
bin-fault-with = Cealaltă stare

bin-lead = Deschide în coș
bin-lead-request = Vezi cererea captată

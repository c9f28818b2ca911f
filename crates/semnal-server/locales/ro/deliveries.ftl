# Livrări: lista, o livrare și cum se încheie încercările.
column-id = ID
filter-all = Toate
filter-all-time = Oricând
crumbs = Unde ești
deliveries-title = Livrări
deliveries-text = Fiecare eveniment în drum spre fiecare webhook, cele mai noi întâi.
deliveries-search = Caută
deliveries-search-example = event:payment state:failed status:5xx
deliveries-event = Eveniment
deliveries-webhook = Webhook
deliveries-answer = Răspuns
deliveries-time = Timp
deliveries-no-answer = Fără răspuns
deliveries-tests = Teste
deliveries-tests-only = doar teste
deliveries-tests-not = fără teste
deliveries-hours = { $count ->
    [one] Ultima oră
    [few] Ultimele { $count } ore
   *[other] Ultimele { $count } de ore
}
deliveries-days = { $count ->
    [one] Ultima zi
    [few] Ultimele { $count } zile
   *[other] Ultimele { $count } de zile
}
deliveries-cause = Ultima încercare
deliveries-attempts = Încercări
deliveries-next = Următoarea
deliveries-duration = Durată
deliveries-age = Primit
deliveries-pause = Oprește actualizările
deliveries-new = { $count ->
    [one] un eveniment nou
    [few] { $count } evenimente noi
   *[other] { $count } de evenimente noi
}
deliveries-many-new = Peste { $count } de evenimente noi
deliveries-unknown = Aceste cuvinte nu spun nimic aici: { $words }
deliveries-words = Folosește o parte din numele unui eveniment sau webhook, un ID sau:
deliveries-partial = Încă nimic găsit
deliveries-partial-text = Cele mai noi livrări au fost parcurse. Mai sunt altele, mai vechi.
deliveries-go-on = Caută mai departe
deliveries-empty = Încă nicio livrare
deliveries-empty-text = Trimite un eveniment de test spre unul dintre webhook-uri și livrarea lui apare aici.
deliveries-empty-no-webhook = Adaugă întâi un webhook. Fiecare eveniment pe care îl vrea devine o livrare.
delivery-title = Livrare
delivery-pending = Așteaptă
delivery-retrying = Se reîncearcă
delivery-held = Reținută
delivery-delivered = Livrată
delivery-failed = Eșuată
delivery-cancelled = Anulată
delivery-expired = Expirată
delivery-webhook-deleted = Webhook șters
delivery-attempts-of = Încercări: { $made } din { $most }
delivery-try-now = Încearcă acum
delivery-resend = Retrimite
delivery-resent = Se trimite din nou la { $name }.
delivery-resent-held = { $name } este în pauză sau dezactivat. Se trimite imediat ce webhook-ul este activ.
delivery-curl = Copiază ca cURL
delivery-curl-text = Semnat în acest moment. Destinațiile care verifică ora îl acceptă cinci minute.
delivery-curl-unsigned = Fără semnătură: accesul tău nu cuprinde secretul webhook-ului.
delivery-curl-left-out = Lăsate deoparte pentru că sunt secrete: { $names }
delivery-what-to-do = Ce e de făcut:
delivery-way = Cronologie
delivery-earlier = { $count ->
    [one] O încercare mai veche nu este arătată.
    [few] { $count } încercări mai vechi nu sunt arătate.
   *[other] { $count } de încercări mai vechi nu sunt arătate.
}
delivery-accepted = Eveniment primit
delivery-attempt = Încercarea { $count }
delivery-attempt-manual = Încercarea { $count }, trimisă manual
delivery-next = Următoarea încercare
delivery-now = Se trimite
delivery-waits = Așteaptă până când webhook-ul este activ
delivery-exhausted = Nicio altă încercare
delivery-was-cancelled = Anulată
delivery-was-expired = Expirată: evenimentul nu mai este păstrat
delivery-payload-gone = Conținutul acestui eveniment a fost șters sau a expirat, așa că nu mai este nimic de trimis.
delivery-tabs = Părțile încercării
delivery-tab-response = Răspuns
delivery-tab-request = Cerere
delivery-tab-timing = Timpi
delivery-tab-signature = Semnătură
delivery-headers = Antete
delivery-body = Conținut
delivery-hidden-headers = Trimise, dar niciodată arătate:
delivery-uncertain = Webhook-ul s-a schimbat de atunci. Antetele lui de atunci nu se mai cunosc.
delivery-truncated = Răspunsul a fost mai lung. S-au păstrat primii 16 KiB.
delivery-no-answer = Nu a venit niciun răspuns.
delivery-no-attempt = Încă nicio încercare
delivery-no-attempt-text = Ce s-a trimis și ce s-a răspuns apare aici după prima încercare.
delivery-timing-text = Toată încercarea a durat { $length }. Părțile care nu au avut loc, de exemplu pe o conexiune deja deschisă, lipsesc.
delivery-phase-dns = Nume (DNS)
delivery-phase-connect = Conexiune (TCP)
delivery-phase-tls = Criptare (TLS)
delivery-phase-wait = Cerere și răspuns
delivery-phase-total = Toată încercarea
delivery-address = Trimis la
delivery-signature-text = Cu aceste valori și cu secretul webhook-ului, destinația dovedește că cererea vine de aici și nu este una veche.
delivery-signed = Ce se semnează
delivery-signed-body = și conținutul, octet cu octet
delivery-signature-today = Calculată cu secretele pe care webhook-ul le are astăzi.
header-reveal = Arată
body-empty = Gol
body-cut = Se vede doar începutul. Butonul de copiere copiază tot.
body-binary = Acești octeți nu sunt text.
status-taken = destinația l-a preluat
status-redirect = redirecționat; redirecționările nu sunt urmate
status-redirect-do = Pune URL-ul final în webhook. Urmarea redirecționărilor ar trimite datele într-un loc pe care nu l-a verificat nimeni.
status-login = destinația cere alte date de acces
status-login-do = Verifică antetele proprii ale webhook-ului și dacă destinația are în față un firewall sau o autentificare.
status-not-found = la acest URL nu este nimic
status-not-found-do = Verifică calea din URL-ul webhook-ului, apoi retrimite.
status-method = URL-ul nu primește POST
status-method-do = Verifică dacă URL-ul este al unui receptor de webhook-uri. Trebuie să accepte POST.
status-slow = destinația a așteptat prea mult
status-slow-do = Se încearcă din nou. Dacă rămâne așa, uită-te la încărcarea destinației.
status-gone = destinația a dispărut definitiv
status-gone-do = Webhook-ul a fost dezactivat. Dacă destinația a revenit, activează-l; ce s-a reținut se trimite atunci.
status-large = destinația îl consideră prea mare
status-large-do = Mărește limita de conținut pe care o acceptă destinația sau proxy-ul ei.
status-busy = destinația cere mai puține cereri
status-busy-do = Se trimite mai rar. Poți da webhook-ului o limită de ritm.
status-refused = destinația a refuzat conținutul
status-refused-do = Citește răspunsul: spune adesea care câmp este greșit. O destinație care verifică semnătura poate avea alt secret.
status-client = destinația l-a refuzat
status-client-do = Citește răspunsul: spune adesea de ce.
status-proxy = proxy-ul destinației nu a primit răspuns
status-proxy-do = Programul din spatele proxy-ului este oprit sau lent. Se încearcă din nou de la sine.
status-down = destinația nu este disponibilă acum
status-down-do = Se încearcă din nou de la sine, mai târziu dacă destinația o cere.
status-error = destinația a răspuns cu o eroare
status-error-do = Caută în jurnalul destinației la ora încercării. Repar-o, apoi retrimite.
status-odd = un răspuns care nu spune nimic
status-odd-do = Destinația trebuie să răspundă cu un cod între 200 și 299.
cause-no-free-connection = acest server nu a avut o conexiune liberă
cause-no-free-connection-do = Se încearcă imediat din nou. Destinația nu are nicio problemă.
cause-url-denied = URL-ul nu este permis
cause-url-denied-do = Schimbă URL-ul webhook-ului. Ce este permis s-a schimbat după ce a fost salvat.
cause-dns-no-such-host = gazda nu există
cause-dns-no-such-host-do = Verifică scrierea gazdei în URL-ul webhook-ului și dacă domeniul mai este înregistrat.
cause-dns-failed = numele nu a putut fi rezolvat
cause-dns-timeout = numele nu a fost rezolvat la timp
cause-dns-failed-do = Se încearcă din nou. Dacă rămâne așa, verifică serverele de nume ale domeniului și pe ale acestui server.
cause-address-denied = adresa gazdei nu este permisă
cause-address-denied-do = Gazda duce într-o rețea privată. Dacă așa trebuie, operatorul o poate deschide cu --allow-network.
cause-connect-refused = conexiunea a fost refuzată
cause-connect-refused-do = Pe acel port nu ascultă nimic. Pornește destinația sau corectează portul din URL.
cause-connect-timeout = nicio conexiune la timp
cause-connect-timeout-do = Poate stă în cale un firewall sau destinația este oprită. Verifică dacă se ajunge la ea de pe acest server.
cause-connect-failed = conexiunea a eșuat
cause-tls-expired = certificatul a expirat
cause-tls-expired-do = Reînnoiește certificatul destinației. Se încearcă din nou de la sine.
cause-tls-name = certificatul este pentru alt nume
cause-tls-name-do = Folosește numele pentru care este certificatul sau obține unul pentru acest nume.
cause-tls-issuer = nimeni cunoscut nu garantează certificatul
cause-tls-issuer-do = Folosește certificatul unei autorități publice, iar destinația să le trimită și pe cele intermediare.
cause-tls-certificate = certificatul nu este valid
cause-tls-certificate-do = Uită-te la certificatul destinației și reînnoiește-l.
cause-tls-failed = negocierea a eșuat
cause-tls-failed-do = Verifică dacă portul vorbește TLS, în versiunea 1.2 sau mai nouă.
cause-response-timeout = niciun răspuns la timp
cause-response-timeout-do = Destinația ar trebui să răspundă imediat și să lucreze după aceea.
cause-connection-closed = conexiunea s-a închis înainte de răspuns
cause-connection-closed-do = Destinația sau un proxy a încheiat cererea. Caută în jurnalul ei.
cause-protocol-error = răspunsul nu este HTTP valid
cause-protocol-error-do = Verifică dacă portul este al unui server web.

# Turul de început.
start-title = Primii pași
start-text = Patru pași de la nimic la un eveniment care a ajuns. Totul rămâne pe acest server.
start-progress = Pași făcuți
start-done = { $count ->
    [one] un pas din 4 făcut
    [few] { $count } pași din 4 făcuți
   *[other] { $count } de pași din 4 făcuți
}
start-step-done = Făcut
start-bin = Creează un coș de cereri
start-bin-text = Un coș este un URL care arată tot ce i se trimite. Cu el poți încerca webhook-uri fără să scrii cod.
start-bin-action = Creează un coș
start-webhook = Adaugă un webhook
start-webhook-text = Dă-i un nume, URL-ul coșului și un eveniment, de exemplu Payment Received.
start-webhook-action = Adaugă webhook nou
start-test = Trimite un eveniment de test
start-test-text = Semnal trimite conținutul de exemplu la fel ca evenimentele adevărate și îți spune ce a răspuns destinația.
start-test-action = Trimite eveniment de test
start-look = Uită-te în coș
start-look-text = Conținutul a ajuns, cu antetele și semnătura lui.
start-look-action = Deschide coșul
start-all-done = Funcționează. Acum evenimentele tale
start-all-done-text = Programul tău le trimite cu o cheie API, iar fiecare webhook care le dorește le primește.
start-docs = Citește API-ul

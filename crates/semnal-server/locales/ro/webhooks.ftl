# Lista de webhook-uri.
webhooks-title = Webhook-uri
webhooks-text = URL-uri care primesc evenimentele tale pe măsură ce se întâmplă.
webhooks-add = Adaugă webhook nou
webhooks-search = Caută după nume sau URL
webhooks-url = URL destinație
webhooks-event = Eveniment declanșator
webhooks-all-events = Toate evenimentele
webhooks-day = Ultimele 24 de ore
webhooks-success = { $percent } % OK
webhooks-last = Ultima livrare
webhooks-never = niciodată
webhooks-pause = Pauză
webhooks-resume = Reia
webhooks-pause-title = Pui { $name } în pauză?
webhooks-pause-text = Nu i se trimite nimic până când îl reiei. Evenimentele lui sunt păstrate și trimise atunci.
webhooks-paused = { $name } este în pauză. Evenimentele lui sunt păstrate până când îl reiei.
webhooks-resumed = { $name } este activ. Se trimite ce a fost păstrat.
webhooks-not-paused = { $name } este dezactivat și nu a fost pus în pauză. Reia-l întâi sau lasă-l așa.
webhooks-troubled = { $count ->
    [one] Un webhook are nevoie de ajutor: eșuează mereu sau a fost dezactivat din cauza asta.
    [few] { $count } webhook-uri au nevoie de ajutor: eșuează mereu sau au fost dezactivate din cauza asta.
   *[other] { $count } de webhook-uri au nevoie de ajutor: eșuează mereu sau au fost dezactivate din cauza asta.
}
webhooks-empty = Încă niciun webhook
webhooks-empty-text = Trei pași, și primul tău eveniment ajunge:
webhooks-empty-test = Trimite un eveniment de test din rândul lui.
webhooks-any-state = Orice stare
webhooks-failing = Eșuează
webhooks-sort = Ordine
webhooks-newest = Cele mai noi întâi
webhooks-oldest = Cele mai vechi întâi
webhooks-by-name = După nume
webhooks-all = Toate de pe pagină
webhooks-chosen = Cele alese:
webhooks-choose = Alege
webhooks-none-chosen = Nu ai ales nimic. Bifează întâi webhook-uri.
webhooks-did-pause = Puse în pauză: { $name }.
webhooks-did-resume = Reluate: { $name }.
webhooks-did-delete = Șterse: { $name }.
webhooks-name = Nume, ID

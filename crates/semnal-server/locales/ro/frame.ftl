# Cadrul fiecărei pagini și textele componentelor ei.
frame-skip = Sari la conținut
frame-menu = Meniu principal
frame-menu-open = Deschide meniul
frame-menu-close = Închide meniul
frame-dev = Mod de dezvoltare: livrările pot ajunge la acest calculator.
frame-application = Aplicație
frame-switch = Schimbă
frame-search = Caută livrări
frame-language = Limbă
frame-theme = Temă
frame-account = Cont
frame-portal = Portalul unei aplicații
frame-shortcuts-off = Oprește scurtăturile de tastatură
frame-shortcuts-on = Pornește scurtăturile de tastatură
frame-logout = Deconectare
frame-copy = Copiază
frame-copied = Copiat
frame-close = Închide
frame-cancel = Renunță
frame-lost = Serverul nu a răspuns. Încearcă din nou.
nav-start = Start
nav-dashboard = Panou de control
nav-webhooks = Webhook-uri
nav-events = Evenimente
nav-deliveries = Livrări
nav-bins = Coșuri de cereri
nav-catalogue = Catalog de evenimente
nav-settings = Setări
theme-system = Ca sistemul
theme-light = Deschisă
theme-dark = Închisă
keys-title = Scurtături de tastatură
keys-help = Arată acest ajutor
keys-search = Caută
keys-move = Rândul următor și cel dinainte
keys-open = Deschide rândul
keys-back = Închide sau înapoi
keys-select = Selectează rândul
keys-copy = Copiază ID-ul rândului
keys-resend = Retrimite
keys-theme = Schimbă tema
keys-times = Ore: cu cât timp în urmă sau exact
times-relative = Cu cât timp în urmă
times-utc = Ore exacte, UTC
keys-pause = Oprește actualizările în timp real
column-state = Stare
column-name = Nume
column-actions = Acțiuni
filter-apply = Filtrează
filter-clear = Șterge filtrul
empty-no-match = Nimic nu se potrivește
empty-no-match-text = Nicio intrare nu se potrivește cu filtrul. Schimbă-l sau șterge-l ca să vezi totul.
empty-again = Încearcă din nou
empty-loading = Încă neîncărcat
pages = Pagini
pages-previous = Înapoi
pages-next = Înainte
form-errors = { $count ->
    [one] Un câmp trebuie corectat
    [few] { $count } câmpuri trebuie corectate
   *[other] { $count } de câmpuri trebuie corectate
}
state-active = Activ
state-paused = În pauză
state-failing-since = Eșuează din { $time }
state-disabled = Dezactivat
state-disabled-gone = Dezactivat: 410 Gone
state-disabled-failing = Dezactivat: a eșuat mereu
sparkline = Ultimele 24 de ore: { $good } reușite, { $bad } eșuate
time-now = chiar acum
time-seconds-ago = { $count ->
    [one] acum o secundă
    [few] acum { $count } secunde
   *[other] acum { $count } de secunde
}
time-minutes-ago = { $count ->
    [one] acum un minut
    [few] acum { $count } minute
   *[other] acum { $count } de minute
}
time-hours-ago = { $count ->
    [one] acum o oră
    [few] acum { $count } ore
   *[other] acum { $count } de ore
}
time-days-ago = { $count ->
    [one] ieri
    [few] acum { $count } zile
   *[other] acum { $count } de zile
}
time-seconds-ahead = { $count ->
    [one] peste o secundă
    [few] peste { $count } secunde
   *[other] peste { $count } de secunde
}
time-minutes-ahead = { $count ->
    [one] peste un minut
    [few] peste { $count } minute
   *[other] peste { $count } de minute
}
time-hours-ahead = { $count ->
    [one] peste o oră
    [few] peste { $count } ore
   *[other] peste { $count } de ore
}
time-days-ahead = { $count ->
    [one] mâine
    [few] peste { $count } zile
   *[other] peste { $count } de zile
}
problem-home = Înapoi la start
problem-login = Conectează-te întâi
problem-login-do = Sesiunea s-a încheiat. Conectează-te și încearcă din nou.
problem-not-found = Aici nu este nimic
problem-not-found-do = Pagina nu există sau ceea ce arăta a fost șters.
problem-forbidden = Nu poți vedea această pagină
problem-forbidden-do = Accesul tău nu o cuprinde. Cere mai mult de la cine ți l-a dat.
problem-form = Formularul nu a fost acceptat
problem-form-do = Vine de pe alt site sau dintr-o conectare mai veche. Întoarce-te, reîncarcă pagina și trimite-l încă o dată.
problem-unreadable = Formularul nu a putut fi citit
problem-unreadable-do = Este prea lung sau a ajuns incomplet. Scurtează-l și trimite-l din nou.
problem-logins = Prea multe conectări nereușite
problem-logins-do = { $count ->
    [one] Așteaptă un minut, apoi încearcă din nou.
    [few] Așteaptă { $count } minute, apoi încearcă din nou.
   *[other] Așteaptă { $count } de minute, apoi încearcă din nou.
}
problem-link = Linkul nu mai este valabil
problem-link-do = A fost folosit sau are peste 24 de ore. Repornește serverul pentru unul nou sau rulează: semnal users reset-password
problem-open = Parolele nu trec prin această conexiune
problem-open-do = Nu este criptată și iese din acest calculator. Deschide consola prin https (pune adresa în SEMNAL_PUBLIC_URL) sau chiar pe calculator, la 127.0.0.1.
problem-building = Listele se construiesc
problem-building-do = Evenimentele sunt primite și livrate între timp. Reîncarcă pagina în câteva clipe.
problem-streams = Prea multe pagini așteaptă noutăți
problem-streams-do = Pagina arată ce era când a fost încărcată. Închide paginile la care nu se uită nimeni sau reîncarcă această pagină.
problem-full = Discul este plin
problem-full-do = Nu s-a schimbat nimic. Eliberează loc pentru directorul de date, apoi încearcă din nou.
problem-failed = Ceva nu a mers
problem-failed-do = Jurnalul serverului spune ce. Nu s-a schimbat nimic fără să ți se spună.
gallery-title = Componente
gallery-text = Tot din ce sunt făcute paginile.

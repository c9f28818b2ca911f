# Setările și panoul de control.
settings-keys = Chei API
settings-keys-text = Programele le folosesc ca să trimită evenimente și să schimbe webhook-uri.
settings-keys-empty = Încă nicio cheie API
settings-keys-empty-text = Creează una pentru aplicația care îți trimite evenimentele.
settings-key = Începe cu
settings-key-made = Aceasta este cheia nouă. Copiaz-o acum: nu se mai arată.
settings-key-valid = Valabilă
settings-key-expired = Expirată
settings-key-revoked = Revocată
settings-key-name-hint = Cine o folosește, de exemplu magazin sau Zapier.
settings-key-name-wrong = Scrie un nume de cel mult 256 de caractere.
settings-key-was-revoked = { $name } este revocată. Cine are cheia este refuzat de acum.
settings-new-key = Cheie nouă
settings-create-key = Creează cheia
settings-scopes = Poate
settings-scopes-hint = Fără alegere, cheia poate face orice.
settings-scope-all = orice
settings-scope-read = Citește tot, în afară de secrete
settings-scope-send = Trimite evenimente
settings-scope-manage = Schimbă setări, citește secrete, retrimite
settings-created = Creată
settings-ends = Se încheie
settings-never-ends = niciodată
settings-days = { $count ->
    [one] peste o zi
    [few] peste { $count } zile
   *[other] peste { $count } de zile
}
settings-revoke = Revocă
settings-revoke-title = Revoci { $name }?
settings-revoke-text = Programele care folosesc această cheie sunt refuzate imediat. Nu se poate lua înapoi.
settings-look = Aspect
settings-times = Ore
settings-server = Server
settings-version = Versiune
settings-url = Adresă
settings-data = Directorul de date
settings-body-limit = Cel mai mare eveniment
settings-schedule = Încercări
settings-attempts = { $count ->
    [one] O încercare.
    [few] { $count } încercări, cu aceste pauze între ele:
   *[other] { $count } de încercări, cu aceste pauze între ele:
}
dashboard-text = Ultimele 24 de ore ale acestei aplicații.
dashboard-delivered = Livrate
dashboard-failed = Eșuate
dashboard-success = Încercări reușite
dashboard-durations = Jumătate din încercări au durat cel mult
dashboard-pending = În așteptare
dashboard-oldest = cea mai veche:
dashboard-left-out = { $count ->
    [one] Un webhook mai vechi nu intră în aceste numere.
    [few] { $count } webhook-uri mai vechi nu intră în aceste numere.
   *[other] { $count } de webhook-uri mai vechi nu intră în aceste numere.
}
dashboard-events = { $count ->
    [one] Un eveniment în 24 de ore
    [few] { $count } evenimente în 24 de ore
   *[other] { $count } de evenimente în 24 de ore
}
dashboard-now = acum (UTC)
dashboard-table = Ca tabel
dashboard-hour = Ora de la
dashboard-trouble = Webhook-uri care au nevoie de ajutor
dashboard-no-trouble = Niciunul. Fiecare webhook preia ce i se trimite.
dashboard-empty = Încă nimic de arătat
dashboard-empty-text = Adaugă un webhook și trimite un eveniment; numerele vin de la sine.

# Integrări: chei pentru alte sisteme.
integrations-title = Integrări
integrations-text = Chei pentru sisteme care vorbesc ca Ultimate Multisite: Zapier, scripturile tale și rețeaua însăși. Fiecare deschide o singură aplicație.
integrations-empty = Nicio integrare încă
integrations-empty-text = Creează o cheie și un secret ca să conectezi Zapier, sau o adresă la care rețeaua ta își trimite evenimentele.
integrations-new = Integrare nouă
integrations-name-hint = Cine o folosește, de exemplu Zapier sau rețeaua.
integrations-kind = La ce folosește
integrations-pair = Cheie și secret
integrations-pair-text = Pentru Zapier și pentru scripturi care foloseau API-ul REST al Ultimate Multisite.
integrations-source = Adresă pentru evenimente
integrations-source-text = Pentru webhook-urile unei rețele Ultimate Multisite, îndreptate aici.
integrations-opens-pair = Webhook-uri și evenimente din { $application }
integrations-opens-source = Primește evenimente pentru { $application }
integrations-pair-made = Aceasta este cheia nouă, cu secretul ei. Copiază-le acum: nu se mai arată.
integrations-source-made = Aceasta este adresa nouă. Copiaz-o acum: nu se mai arată.
integrations-key = Cheie API
integrations-secret = Secret API
integrations-pair-next = În Zapier, conectează Semnal cu acestea trei.
integrations-source-next = În rețea, adaugă pentru fiecare eveniment un webhook cu acest URL, cu numele evenimentului în locul lui {"{event}"}, de exemplu payment_received.

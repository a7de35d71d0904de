import GRDB

/// The tables, one migration a change. A published migration is never edited.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") { db in
            try db.execute(sql: version1)
        }
        migrator.registerMigration("folders") { db in
            try db.execute(sql: folders)
        }
        migrator.registerMigration("chances") { db in
            try db.execute(sql: chances)
        }
        migrator.registerMigration("groups") { db in
            try db.execute(sql: groups)
        }
        migrator.registerMigration("conversations") { db in
            try db.execute(sql: conversations)
        }
        migrator.registerMigration("deliveries") { db in
            try db.execute(sql: deliveries)
        }
        migrator.registerMigration("groupFiles") { db in
            try db.execute(sql: groupFiles)
        }
        migrator.registerMigration("folder patterns, holes") { db in
            // Send: what was left out, percent-encoded, a line each; NULL for folders of earlier versions: not known.
            try db.execute(sql: "ALTER TABLE folders ADD COLUMN excluded TEXT")
            // The source, a file, has holes.
            try db.execute(sql: "ALTER TABLE transfers ADD COLUMN sparse INTEGER NOT NULL DEFAULT 0")
        }
        return migrator
    }

    private static let folders = """
        -- What a transfer of a folder has besides. The sender's manifest lies in the profile's spool.
        CREATE TABLE folders (
            transfer INTEGER PRIMARY KEY REFERENCES transfers(id) ON DELETE CASCADE,
            files INTEGER NOT NULL,
            filesDone INTEGER NOT NULL DEFAULT 0,
            directories INTEGER NOT NULL,
            links INTEGER NOT NULL,
            contentBytes INTEGER NOT NULL,      -- of all files
            hiddenEntries INTEGER NOT NULL,
            executableFiles INTEGER NOT NULL,
            listLength INTEGER NOT NULL,        -- of the manifest, in bytes
            listHash BLOB NOT NULL,             -- its SHA-256
            firstEntries BLOB NOT NULL,         -- the first lines of the manifest, as in the offer
            sources TEXT NOT NULL DEFAULT '',   -- send: a line each: '-' or '=' and name, path; percent-encoded
            mayExecute INTEGER NOT NULL DEFAULT 1,
            listWanted INTEGER NOT NULL DEFAULT 0, -- receive: 1 the whole list is to be fetched, 2 it is in the spool
            missing INTEGER NOT NULL DEFAULT 0, -- files that did not come as they were offered
            notes TEXT NOT NULL DEFAULT ''      -- what is to be told at the end, a line each
        );
        """

    /// Pausing, expiry, second chances, policies, what is due at the end of a transfer.
    private static let chances = """
        ALTER TABLE transfers ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;     -- 1: held by the user
        ALTER TABLE transfers ADD COLUMN expiresAt INTEGER;                     -- an offer not accepted by then is withdrawn
        ALTER TABLE transfers ADD COLUMN retryOf INTEGER;                       -- the ended transfer that this one repeats
        ALTER TABLE transfers ADD COLUMN askedAgain INTEGER NOT NULL DEFAULT 0; -- send: 1: x.file.retry waits for its answer
        ALTER TABLE transfers ADD COLUMN digest TEXT;                           -- SHA-256 of the file, and of which file
        ALTER TABLE transfers ADD COLUMN retryAt INTEGER;                       -- relay-down: when it is tried next
        ALTER TABLE transfers ADD COLUMN hookDue INTEGER NOT NULL DEFAULT 0;    -- 1: complete, and the hook was not started
        CREATE INDEX transfersByHook ON transfers(hookDue) WHERE hookDue = 1;
        CREATE INDEX transfersByRetry ON transfers(retryOf);
        ALTER TABLE contacts ADD COLUMN acceptsAlways INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE contacts ADD COLUMN acceptLimit INTEGER;                    -- bytes
        ALTER TABLE contacts ADD COLUMN acceptDirectory TEXT;
        """

    private static let groups = """
        -- A group as this profile sees it. `machine` is the truth about its members; the other tables follow it.
        CREATE TABLE groups (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,                 -- the local name, without '#'
            contact INTEGER REFERENCES contacts(id), -- who invited me; NULL: the group is mine
            me BLOB NOT NULL,                   -- my member id
            role TEXT NOT NULL,                 -- mine: member, admin, owner
            status TEXT NOT NULL,               -- mine: GroupCore's MemberStatus
            departure TEXT,                     -- why I am out: left, removed, deleted; NULL while I am in
            hidden INTEGER NOT NULL DEFAULT 0,  -- 1: the user is done with it
            machine BLOB NOT NULL,              -- GroupMachine's checkpoint
            graph BLOB,                         -- MessageGraph's checkpoint
            problem TEXT,                       -- what was refused last
            createdAt INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX groupsByName ON groups(name) WHERE hidden = 0;

        -- The other members.
        CREATE TABLE groupMembers (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            groupId INTEGER NOT NULL REFERENCES groups(id),
            member BLOB NOT NULL,               -- the member id
            name TEXT NOT NULL,                 -- the local name in this group
            displayName TEXT NOT NULL,          -- as the member calls itself: shown escaped only
            fullName TEXT NOT NULL,
            role TEXT NOT NULL,
            category TEXT NOT NULL,             -- GroupCore's MemberCategory
            status TEXT NOT NULL,               -- GroupCore's MemberStatus
            confirmed INTEGER NOT NULL DEFAULT 0, -- 1: connected to all, as its host says
            departure TEXT,                     -- left, removed; NULL while it is in
            channel INTEGER NOT NULL REFERENCES contacts(id), -- state 'member': its connection is the group's
            contact INTEGER REFERENCES contacts(id), -- the contact that this member is, for what is not the group's
            UNIQUE (groupId, member)
        );
        CREATE INDEX groupMembersByChannel ON groupMembers(channel);

        -- GroupConnection's: two members have some for each introducer.
        CREATE TABLE groupConnections (
            groupId INTEGER NOT NULL REFERENCES groups(id),
            member BLOB NOT NULL,
            introducer BLOB NOT NULL,
            kind TEXT NOT NULL,                 -- group, direct
            connection INTEGER REFERENCES connections(id) ON DELETE SET NULL,
            told TEXT NOT NULL DEFAULT '',      -- the connection's state that the machine knows of
            closing INTEGER NOT NULL DEFAULT 0, -- 1: it goes once what was sent is with the relay
            PRIMARY KEY (groupId, member, introducer, kind)
        ) WITHOUT ROWID;
        CREATE INDEX groupConnectionsByConnection ON groupConnections(connection);

        -- Chat messages that are decided on and not encrypted yet, in their order.
        CREATE TABLE outgoing (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            connection INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,
            subject INTEGER,                    -- the message or transfer of the user that it carries; NULL: none
            body BLOB NOT NULL
        );
        CREATE INDEX outgoingByConnection ON outgoing(connection);
        CREATE INDEX outgoingBySubject ON outgoing(subject);

        -- What a contact says of itself; NULL until its next x.info: then its connection information counts.
        ALTER TABLE contacts ADD COLUMN displayName TEXT;
        ALTER TABLE contacts ADD COLUMN fullName TEXT;
        """

    /// Messages of groups too, edits and deletions.
    private static let conversations = """
        CREATE TABLE conversations (
            id INTEGER PRIMARY KEY,
            direction TEXT NOT NULL,            -- send, receive
            contact INTEGER REFERENCES contacts(id),    -- from a member of a group: its channel; to a group: NULL
            groupId INTEGER,                    -- the group's row
            kind TEXT NOT NULL DEFAULT 'text',  -- text, eval; gap: agent messages ref to agentMessage never came, or the
                                                -- member's message ref; fork, conflict: of the order in a group
            ref INTEGER,                        -- chatMsgId, by which edits and deletions name it
            agentMessage INTEGER,               -- send: the agent message with the newest that was said of it
            text TEXT NOT NULL,                 -- empty once deleted
            state TEXT NOT NULL,                -- send: queued, stored; receive: new, read
            revision INTEGER NOT NULL DEFAULT 0,-- send: grows with each wish to change it
            early INTEGER NOT NULL DEFAULT 0,   -- receive: 1: an edit or deletion came, and not yet what it is about
            editedAt INTEGER,
            deletedAt INTEGER,
            createdAt INTEGER NOT NULL
        );
        INSERT INTO conversations (id, direction, contact, ref, agentMessage, text, state, createdAt)
            SELECT id, direction, contact, ref, agentMessage, text, state, createdAt FROM messages;
        DROP TABLE messages;
        ALTER TABLE conversations RENAME TO messages;
        CREATE INDEX messagesByContact ON messages(contact, ref);
        CREATE INDEX messagesByGroup ON messages(groupId, ref) WHERE groupId IS NOT NULL;
        CREATE INDEX messagesByState ON messages(state) WHERE state IN ('queued', 'new');
        """

    private static let deliveries = """
        -- What carries a message to the members of a group: the newest that was said of it to each.
        CREATE TABLE deliveries (
            message INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
            connection INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,            -- of the agent message
            PRIMARY KEY (message, connection)
        ) WITHOUT ROWID;
        CREATE INDEX deliveriesByConnection ON deliveries(connection);
        """

    /// Transfers to a group: a row for the user, and one for each member below it, whose id is below zero.
    private static let groupFiles = """
        ALTER TABLE transfers ADD COLUMN parent INTEGER REFERENCES transfers(id);  -- send: what this is one member's part of
        ALTER TABLE transfers ADD COLUMN groupId INTEGER REFERENCES groups(id);    -- send: whose members it goes to
        CREATE INDEX transfersByParent ON transfers(parent);
        ALTER TABLE groups ADD COLUMN room INTEGER REFERENCES contacts(id);        -- stands for the group in transfers to it
        """

    private static let version1 = """
        -- Single values: settings (key 'setting.…'), the database's own device and inode, the boot id, the id counter.
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

        -- One duplex agent connection. Columns from `ratchet` on change with every batch of messages.
        CREATE TABLE connections (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,              -- contact, file
            role TEXT NOT NULL,              -- initiator, joiner
            state TEXT NOT NULL,             -- AgentLink's ConnectionState
            link TEXT,                       -- the invitation: ours (initiator) or the one joined (joiner)
            x3dh BLOB,                       -- private keys of the key agreement, until it is done
            peerKeysHash BLOB,               -- SHA-256 of the peer's keys that the ratchet was last set up anew with
            info BLOB,                       -- our connection information, to be sent with the confirmation
            peerInfo BLOB,                   -- the peer's, from its confirmation
            agentVersion INTEGER NOT NULL DEFAULT 0,
            failure TEXT,                    -- why the state is failed
            createdAt INTEGER NOT NULL,
            ratchet BLOB,
            sentId INTEGER NOT NULL DEFAULT 0,        -- the last sndMsgId used
            sentHash BLOB,                            -- SHA-256 of that agent message
            reservedId INTEGER NOT NULL DEFAULT 0,    -- sndMsgIds up to here may have been used
            unstored INTEGER NOT NULL DEFAULT 0,      -- 1: messages beyond sentId were sent without being stored
            receivedId INTEGER NOT NULL DEFAULT 0,    -- the highest sndMsgId received
            receivedHash BLOB,
            missing TEXT NOT NULL DEFAULT '',         -- ids below receivedId that never came: 'a-b,c-d'
            lastUsedAt INTEGER NOT NULL DEFAULT 0
        );

        -- The one or two SMP queues of a connection.
        CREATE TABLE queues (
            connection INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,
            direction TEXT NOT NULL,         -- receive, send
            server TEXT NOT NULL,            -- smp://…
            recipientId BLOB,                -- receive only
            senderId BLOB NOT NULL,
            authKey BLOB NOT NULL,           -- our private key for the commands on it
            serverSecret BLOB,               -- receive only: secret shared with the server for its layer
            endToEndKey BLOB NOT NULL,       -- our private X25519 key of the per-queue layer
            peerKey BLOB,                    -- the peer's public one
            senderKey BLOB,                  -- receive, slow flow: the key that the peer asked us to secure the queue with
            messagingMode INTEGER NOT NULL,  -- 1: the sender may secure the queue
            secured INTEGER NOT NULL DEFAULT 0,
            version INTEGER NOT NULL DEFAULT 4,
            PRIMARY KEY (connection, direction)
        ) WITHOUT ROWID;
        CREATE INDEX queuesByRecipient ON queues(recipientId);

        -- Encrypted messages not yet with the relay, sent byte for byte in the order of their ids.
        CREATE TABLE outbox (
            connection INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,
            messageId INTEGER NOT NULL,
            body BLOB NOT NULL,              -- the SEND body
            flags INTEGER NOT NULL DEFAULT 0,-- 1: without authorization (an unsecured queue)
            PRIMARY KEY (connection, messageId)
        ) WITHOUT ROWID;

        -- Decrypted messages that were acknowledged and that the engine has not handled yet.
        CREATE TABLE inbound (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            connection INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,
            messageId INTEGER NOT NULL,
            integrity TEXT NOT NULL,
            body BLOB NOT NULL
        );

        -- Segments of messages under assembly.
        CREATE TABLE segments (
            connection INTEGER NOT NULL REFERENCES connections(id) ON DELETE CASCADE,
            firstId INTEGER NOT NULL,
            number INTEGER NOT NULL,
            total INTEGER NOT NULL,
            messageId INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (connection, firstId, number)
        ) WITHOUT ROWID;

        CREATE TABLE contacts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            named INTEGER NOT NULL DEFAULT 0,   -- 1: the user chose the name
            connection INTEGER REFERENCES connections(id),
            state TEXT NOT NULL,                -- invited, connecting, connected, failed, removed
            reason TEXT,
            failure TEXT,                       -- the kind of failure: Engine's FailureKind
            verified INTEGER NOT NULL DEFAULT 0,
            lastRef INTEGER NOT NULL DEFAULT 0, -- the last chatMsgId that we used towards this contact
            createdAt INTEGER NOT NULL
        );
        CREATE UNIQUE INDEX contactsByName ON contacts(name) WHERE state <> 'removed';
        CREATE INDEX contactsByConnection ON contacts(connection);

        -- One row a transfer, small whatever the file's size. Ids come from the counter shared with messages.
        CREATE TABLE transfers (
            id INTEGER PRIMARY KEY,
            direction TEXT NOT NULL,            -- send, receive
            contact INTEGER NOT NULL REFERENCES contacts(id),
            connection INTEGER REFERENCES connections(id),
            inline INTEGER NOT NULL DEFAULT 0,  -- 1: x.msg.file on the contact's own connection
            part INTEGER NOT NULL DEFAULT 1,    -- inline: which announced part of the message, from 1
            name TEXT NOT NULL,                 -- as the peer names it: shown escaped only
            size INTEGER,                       -- NULL: unknown
            chunkSize INTEGER NOT NULL DEFAULT 262144,
            mode INTEGER,
            mtime INTEGER,
            root BLOB,                          -- inline: the root hash that was announced
            path TEXT,                          -- send: the source; receive: the final name once reserved
            sourceIdentity TEXT,                -- send: device, inode, size, mtime, as at the offer
            offerRef INTEGER,                   -- chatMsgId of the offer on the contact's connection
            offerMessage INTEGER,               -- send: the agent message with the offer
            invitation TEXT,                    -- receive: the file connection's invitation
            destination TEXT,                   -- receive: ChunkIO's reservation record
            untold INTEGER NOT NULL DEFAULT 0,  -- 1: ended by this side, and x.file.cancel is still to be stored for sending
            farewell INTEGER,                   -- the last agent message on the file connection: it goes once that is delivered
            state TEXT NOT NULL,                -- offered, accepted, active, sent, complete, declined, cancelled, failed
            waiting TEXT,                       -- peer, relay-full, relay-down, space
            lane TEXT,
            laneWish TEXT NOT NULL DEFAULT 'auto',
            reason TEXT,
            failure TEXT,                       -- the kind of failure: Engine's FailureKind
            endedBy TEXT,                       -- me, peer
            checkpoint BLOB,                    -- TransferCore's
            bootId TEXT,                        -- receive: boot in which the checkpoint's `written` counts
            transferred INTEGER NOT NULL DEFAULT 0,
            bytesPerSecond INTEGER,
            message INTEGER,                    -- the text that came with it: messages.id
            createdAt INTEGER NOT NULL,
            updatedAt INTEGER NOT NULL
        );
        CREATE INDEX transfersByConnection ON transfers(connection);
        CREATE INDEX transfersByState ON transfers(state);
        CREATE INDEX transfersByOffer ON transfers(contact, offerRef);

        -- Bytes of inline files: to be sent, or received and not moved out yet. Number 0 is the preview.
        CREATE TABLE parts (
            transfer INTEGER NOT NULL REFERENCES transfers(id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            type TEXT,                          -- of the preview: its content type
            body BLOB NOT NULL,
            PRIMARY KEY (transfer, number)
        ) WITHOUT ROWID;

        CREATE TABLE messages (
            id INTEGER PRIMARY KEY,
            direction TEXT NOT NULL,            -- send, receive
            contact INTEGER NOT NULL REFERENCES contacts(id),
            ref INTEGER,                        -- chatMsgId
            agentMessage INTEGER,               -- send: the agent message with it
            text TEXT NOT NULL,
            state TEXT NOT NULL,                -- send: queued, stored; receive: new, read
            createdAt INTEGER NOT NULL
        );
        """
}

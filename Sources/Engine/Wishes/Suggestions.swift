import Database
import GRDB
import SystemPackage

/// What a shell may complete, looked up quickly and silently: no lock is taken and nothing is made; nothing is suggested where
/// anything is wrong.
public struct Suggestions: Sendable {
    /// A word, and what it stands for.
    public struct Entry: Equatable, Sendable {
        /// What is typed.
        public let word: String
        /// What it is; as the peer may have named it, unescaped.
        public let about: String

        /// With these.
        public init(word: String, about: String) {
            self.word = word
            self.about = about
        }
    }

    /// Which transfers are asked for.
    public enum Kind: Sendable {
        /// Unfinished ones.
        case unfinished
        /// Those that came to an end, of any kind.
        case ended
        /// Those that wait to be accepted or declined.
        case offers
    }

    /// Which messages are asked for.
    public enum MessageKind: Sendable {
        /// Sent ones that can be changed.
        case own
        /// Received ones that were not read.
        case new
    }

    /// So many at most.
    static let limit = 1000

    private let path: String?

    /// From the profile that name and environment lead to.
    public init(profile name: String?, environment: [String: String]) {
        path = (try? ProfileDirectory.resolve(name: name, environment: environment))?.appending("sxfile.db").string
    }

    /// The names of contacts.
    public func contacts() -> [Entry] {
        rows(
            "SELECT name, state FROM contacts WHERE state NOT IN ('removed', 'member') ORDER BY name LIMIT \(Self.limit)"
        ) {
            Entry(word: $0["name"], about: $0["state"])
        }
    }

    /// The names of groups, without `#`, which a shell would take for a comment.
    public func groups() -> [Entry] {
        rows("SELECT name, status FROM groups WHERE hidden = 0 ORDER BY name LIMIT \(Self.limit)") {
            Entry(word: $0["name"], about: $0["status"])
        }
    }

    /// The ids of transfers, newest first, with the names of their files.
    public func transfers(_ kind: Kind) -> [Entry] {
        let condition =
            switch kind {
            case .unfinished: "transfers.state IN ('offered', 'accepted', 'active', 'sent')"
            case .ended: "transfers.state NOT IN ('offered', 'accepted', 'active', 'sent')"
            case .offers:
                """
                transfers.direction = 'receive' AND (transfers.state = 'offered'
                    OR (inline = 1 AND transfers.state = 'complete' AND path IS NULL))
                """
            }
        let sql = """
            SELECT transfers.id, transfers.name, transfers.direction, contacts.name AS peer
            FROM transfers JOIN contacts ON contacts.id = transfers.contact
            WHERE transfers.parent IS NULL AND (\(condition)) ORDER BY transfers.id DESC LIMIT \(Self.limit)
            """
        return rows(sql) { row in
            let (id, name, peer): (Int64, String, String) = (row["id"], row["name"], row["peer"])
            return Entry(word: "\(id)", about: "\(name) \(row["direction"] == "send" ? "to" : "from") \(peer)")
        }
    }

    /// The ids of messages, newest first, with how they begin.
    public func messages(_ kind: MessageKind) -> [Entry] {
        let condition =
            switch kind {
            case .own: "messages.direction = 'send' AND deletedAt IS NULL"
            case .new: "messages.direction = 'receive' AND messages.state = 'new'"
            }
        let sql = """
            SELECT messages.id, substr(messages.text, 1, 60) AS text, contacts.name AS peer
            FROM messages JOIN contacts ON contacts.id = messages.contact
            WHERE \(condition) ORDER BY messages.id DESC LIMIT \(Self.limit)
            """
        return rows(sql) { row in
            let (id, text, peer): (Int64, String, String) = (row["id"], row["text"], row["peer"])
            return Entry(word: "\(id)", about: "\(text) \(kind == .own ? "to" : "from") \(peer)")
        }
    }

    private func rows(_ sql: String, _ entry: (Row) -> Entry) -> [Entry] {
        guard let path else { return [] }
        return (try? ProfileDatabase.peek(at: path) { db in try Row.fetchAll(db, sql: sql).map(entry) }) ?? []
    }
}

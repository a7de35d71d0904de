import Database
import GRDB
import Primitives
import TransferCore

/// The bytes of a file that travels inside messages, cut into its chunks.
struct InlineContent: Sendable {
    let chunks: [ArraySlice<UInt8>]
    let root: [UInt8]
    let preview: (type: String, bytes: [UInt8])?

    init(file: [UInt8], preview: SourceFile?) throws(EngineError) {
        let size = ChunkPlan.inlineChunkSize
        let chunks = stride(from: 0, to: file.count, by: size).map { file[$0..<min($0 + size, file.count)] }
        var chain = RootChain()
        for chunk in chunks { chain.append(SHA256.hash(chunk)) }
        self.chunks = chunks
        root = chain.value
        guard let preview else {
            self.preview = nil
            return
        }
        self.preview = (Self.contentType(of: preview.name), try preview.contents())
    }

    func store(_ db: GRDB.Database, transfer: Int64) throws {
        if let preview {
            try Self.insert(db, transfer: transfer, number: 0, type: preview.type, preview.bytes)
        }
        for (index, chunk) in chunks.enumerated() {
            try Self.insert(db, transfer: transfer, number: Int64(index) + 1, type: nil, chunk)
        }
    }

    static func insert(
        _ db: GRDB.Database, transfer: Int64, number: Int64, type: String?, _ body: some Collection<UInt8>
    ) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO parts (transfer, number, type, body) VALUES (?, ?, ?, ?)",
            arguments: [transfer, number, type, blob(body)])
    }

    /// The lowest numbered chunk that is stored; nil if there is none.
    static func first(_ db: GRDB.Database, transfer: Int64) throws -> (number: Int64, body: [UInt8])? {
        let row = try Row.fetchOne(
            db, sql: "SELECT number, body FROM parts WHERE transfer = ? AND number > 0 ORDER BY number LIMIT 1",
            arguments: [transfer])
        guard let row, let body = row.bytes("body") else { return nil }
        return (row["number"], body)
    }

    static func remove(_ db: GRDB.Database, transfer: Int64, number: Int64) throws {
        try db.execute(sql: "DELETE FROM parts WHERE transfer = ? AND number = ?", arguments: [transfer, number])
    }

    static func removeAll(_ db: GRDB.Database, transfer: Int64) throws {
        try db.execute(sql: "DELETE FROM parts WHERE transfer = ?", arguments: [transfer])
    }

    private static func contentType(of name: String) -> String {
        let types = ["jpg": "jpg", "jpeg": "jpg", "png": "png", "gif": "gif", "webp": "webp", "svg": "svg+xml"]
        let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
        return "i.image/" + (types[ending] ?? "jpg")
    }
}

import Foundation

/// STAND-IN for ChatProtocol until that lands: the least of the grammar that the engine's own messages need.
struct PlainMessage {
    struct Part {
        var type: String
        var size: Int
        var hash: [UInt8]?
        var body: Range<Int>?
    }

    var ref: Int64?
    var event: String
    var parameters: [String]
    var parts: [Part]

    static func print(
        _ ref: Int64?, _ event: String, _ parameters: [String] = [],
        _ parts: [(type: String, body: [UInt8], hash: [UInt8]?)] = []
    ) -> [UInt8] {
        var out = Array((ref.map { "\($0)" } ?? "").utf8)
        out += " \(event) \(parameters.joined(separator: ",")) ".utf8
        out +=
            parts.map { "\($0.type):\($0.body.count)" + ($0.hash.map { ":" + base64($0) } ?? "") }
            .joined(separator: ",").utf8
        for part in parts { out += [0x20] + part.body }
        return out
    }

    init?(_ bytes: [UInt8]) {
        var at = 0
        func word() -> String? {
            guard at <= bytes.count else { return nil }
            let end = bytes[at...].firstIndex(of: 0x20) ?? bytes.count
            defer { at = end + 1 }
            return String(decoding: bytes[at..<end], as: UTF8.self)
        }
        guard let id = word(), let event = word() else { return nil }
        if !id.isEmpty {
            guard let number = Int64(id), number >= 0 else { return nil }
            ref = number
        }
        self.event = event
        parameters = (word() ?? "").split(separator: ",").map(String.init)
        parts = []
        for text in (word() ?? "").split(separator: ",") {
            let fields = text.split(separator: ":", maxSplits: 2)
            guard fields.count >= 2, let size = Int(fields[1]), size >= 0 else { return nil }
            var part = Part(type: String(fields[0]), size: size)
            if fields.count == 3 { part.hash = Self.bytes(base64: String(fields[2])) }
            if at + size <= bytes.count {
                part.body = at..<at + size
                at += size + 1
            }
            parts.append(part)
        }
    }

    static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
    static func bytes(base64: String) -> [UInt8]? { Data(base64Encoded: base64).map { [UInt8]($0) } }

    static func escape(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7F, byte != 0x2C, byte != 0x25 {
                out.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return out
    }

    static func unescape(_ text: String) -> String { text.removingPercentEncoding ?? text }

    static func json(_ object: [String: Any]) -> [UInt8] {
        ((try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])) ?? Data()).map { $0 }
    }

    static func json(_ bytes: ArraySlice<UInt8>) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:]
    }
}

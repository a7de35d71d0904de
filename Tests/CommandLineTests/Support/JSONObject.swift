import Foundation
import Testing

/// One line of `--json`.
struct JSONObject {
    let members: [String: Any]

    init(_ line: String) throws {
        let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
        members = try #require(value as? [String: Any])
    }

    var type: String? { self["type"] }
    var keys: Set<String> { Set(members.keys) }

    subscript<Value>(_ key: String) -> Value? { members[key] as? Value }

    /// Whether the member is there and null.
    func isNull(_ key: String) -> Bool { members[key] is NSNull }
}

extension CommandResult {
    /// Standard output as objects; each has the version and a type.
    var objects: [JSONObject] {
        get throws {
            let objects = try lines.map(JSONObject.init)
            for object in objects {
                let version: Int? = object["v"]
                #expect(version == 1)
                #expect(object.type != nil)
            }
            return objects
        }
    }
}

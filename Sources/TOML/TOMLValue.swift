/// A value of a configuration file.
public enum TOMLValue: Equatable, Sendable {
    /// Text.
    case string(String)
    /// A whole number.
    case integer(Int64)
    /// `true` or `false`.
    case boolean(Bool)
    /// Values that are no arrays themselves.
    case array([TOMLValue])

    /// What kind it is, for messages.
    public var kind: String {
        switch self {
        case .string: "a string"
        case .integer: "a whole number"
        case .boolean: "a boolean"
        case .array: "an array"
        }
    }

    /// The value as it is written in a file.
    public var text: String {
        switch self {
        case .string(let text): Self.quoted(text)
        case .integer(let number): "\(number)"
        case .boolean(let isTrue): isTrue ? "true" : "false"
        case .array(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        }
    }

    /// `text` in quotation marks, on one line.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.isControl:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// A part of a key as it is written in a file.
    static func key(_ part: String) -> String {
        !part.isEmpty && part.unicodeScalars.allSatisfy(\.isBareKey) ? part : quoted(part)
    }
}

extension Unicode.Scalar {
    /// What may not stand in a file as it is: control characters but for the tabulator.
    var isControl: Bool { value != 9 && value < 0x20 || value == 0x7F }

    /// What a key may have without quotation marks.
    var isBareKey: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
        default: false
        }
    }

    var isDigit: Bool { ("0"..."9").contains(self) }
}

/// A place in a file, counted from 1; columns are characters.
public struct TOMLPosition: Equatable, Sendable, CustomStringConvertible {
    /// The line.
    public let line: Int
    /// The character in the line.
    public let column: Int

    /// `3:7`.
    public var description: String { "\(line):\(column)" }
}

/// What is wrong with a file, and where.
public struct TOMLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where it was noticed.
    public let position: TOMLPosition
    /// What is wrong, in lower case.
    public let message: String

    /// An error at `position`: also for who reads the values and knows what they may be.
    public init(at position: TOMLPosition, _ message: String) {
        self.position = position
        self.message = message
    }

    /// `3:7: …`, as compilers say it: put the path and a colon before.
    public var description: String { "\(position): \(message)" }
}

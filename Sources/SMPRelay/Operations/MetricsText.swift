/// Writes the text format of Prometheus.
struct MetricsText {
    private(set) var text = ""

    mutating func gauge(_ name: String, _ help: String, _ value: Int, labels: [(String, String)] = []) {
        head(name, help, "gauge")
        line(name, labels, "\(value)")
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        head(name, help, "counter")
        line(name, [], "\(value)")
    }

    mutating func counter(_ name: String, _ help: String, _ value: Double) {
        head(name, help, "counter")
        line(name, [], "\(value)")
    }

    /// One counter for each value of a label.
    mutating func counters(_ name: String, _ help: String, label: String, _ values: [(String, Int)]) {
        head(name, help, "counter")
        for (word, value) in values { line(name, [(label, word)], "\(value)") }
    }

    mutating func histogram(_ name: String, _ help: String, _ values: Histogram) {
        head(name, help, "histogram")
        for (bound, count) in zip(values.bounds, values.counts) {
            line(name + "_bucket", [("le", "\(bound)")], "\(count)")
        }
        line(name + "_bucket", [("le", "+Inf")], "\(values.total)")
        line(name + "_sum", [], "\(values.sum)")
        line(name + "_count", [], "\(values.total)")
    }

    private mutating func head(_ name: String, _ help: String, _ type: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: String) {
        let inner = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        text += inner.isEmpty ? "\(name) \(value)\n" : "\(name){\(inner)} \(value)\n"
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}

/// The head of an HTTP/1 request, as far as the status pages care.
struct StatusRequest: Equatable {
    var method: String
    /// Without what follows a `?`.
    var path: String

    /// What so many bytes of a request are.
    enum Reading: Equatable {
        /// More has to come.
        case incomplete
        /// No request, or a longer one than anybody needs.
        case malformed
        case request(StatusRequest)
    }

    /// More than a scraper or a browser sends.
    static let limit = 8192

    /// Reads a head from its first byte on.
    static func read(_ bytes: some Collection<UInt8>) -> Reading {
        let head = Array(bytes.prefix(limit))
        guard let end = endOfHead(head) else { return bytes.count >= limit ? .malformed : .incomplete }
        let line = head[..<end].prefix { $0 != 0x0D && $0 != 0x0A }
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count == 3, words[2].starts(with: "HTTP/1.".utf8), !words[0].isEmpty, words[1].first == 0x2F,
            line.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
        else { return .malformed }
        return .request(
            StatusRequest(
                method: String(decoding: words[0], as: UTF8.self),
                path: String(decoding: words[1].prefix { $0 != 0x3F }, as: UTF8.self)))
    }

    /// Where the empty line begins that ends the head.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        var place = 0
        while let next = bytes[place...].firstIndex(of: 0x0A) {
            let rest = bytes[(next + 1)...]
            if rest.first == 0x0A || rest.starts(with: [0x0D, 0x0A]) { return next }
            place = next + 1
        }
        return nil
    }
}

/// The answer to a request.
struct StatusAnswer: Equatable {
    var status: String
    var type = "text/plain; charset=utf-8"
    var body: String
    var headers = ""

    /// The answer as it goes over the wire; to HEAD without its body. The connection ends with it.
    func encoded(to method: String) -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Cache-Control: no-store\r\n\(headers)Connection: close\r\n\r\n" + (method == "HEAD" ? "" : body)
    }

    /// What `request` gets, given the relay's `status`.
    static func answer(_ request: StatusRequest, _ status: () -> RelayStatus) -> StatusAnswer {
        guard request.method == "GET" || request.method == "HEAD" else {
            return StatusAnswer(
                status: "405 Method Not Allowed", body: "only GET and HEAD\n", headers: "Allow: GET, HEAD\r\n")
        }
        switch request.path {
        case "/metrics":
            return StatusAnswer(status: "200 OK", type: "text/plain; version=0.0.4", body: status().metrics)
        case "/healthz":
            let health = status().health
            return StatusAnswer(status: health.isGood ? "200 OK" : "503 Service Unavailable", body: health.text)
        default: return StatusAnswer(status: "404 Not Found", body: "there are /metrics and /healthz\n")
        }
    }

    static let malformed = StatusAnswer(status: "400 Bad Request", body: "that is no request\n")
}

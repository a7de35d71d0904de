/// The client's talk with a SOCKS5 proxy (RFC 1928, RFC 1929) before a connection through it stands. No socket.
///
/// Names go to the proxy as they are: nobody looks them up here.
struct SOCKSHandshake {
    /// Where the connection is to lead.
    enum Target: Equatable {
        case name(String)
        /// Four or sixteen bytes.
        case address([UInt8])
    }

    /// What an arrival of bytes leads to.
    enum Action: Equatable {
        case send([UInt8])
        /// More has to come.
        case wait
        /// The connection stands; what came behind the answer belongs to it.
        case established(rest: [UInt8])
        /// A few lower-case words about the proxy.
        case failed(String)
    }

    private enum State {
        /// Said which ways of authentication we know. → authenticating, requesting, over
        case greeting
        /// Said name and password. → requesting, over
        case authenticating
        /// Said where to. → over
        case requesting
        case over
    }

    private static let version: UInt8 = 5
    private let target: Target
    private let port: UInt16
    private let credentials: (user: [UInt8], password: [UInt8])?
    private var state = State.greeting
    private var buffer: [UInt8] = []

    init(to target: Target, port: UInt16, by proxy: SOCKSProxy) {
        self.target = target
        self.port = port
        if let user = proxy.user, let password = proxy.password {
            credentials = (Array(user.utf8), Array(password.utf8))
        } else {
            credentials = nil
        }
    }

    /// The first bytes. Where there is a password, it alone is offered: the proxy is not to leave it out.
    var greeting: [UInt8] { [Self.version, 1, credentials == nil ? 0 : 2] }

    mutating func receive(_ bytes: some Sequence<UInt8>) -> Action {
        buffer += bytes
        switch state {
        case .greeting: return receiveMethod()
        case .authenticating: return receiveVerdict()
        case .requesting: return receiveReply()
        case .over: return .failed("said something after the end")
        }
    }

    private mutating func receiveMethod() -> Action {
        guard buffer.count >= 2 else { return .wait }
        guard buffer[0] == Self.version else { return fail("is no SOCKS5 proxy") }
        let method = buffer[1]
        buffer.removeFirst(2)
        switch (method, credentials) {
        case (0, nil): return request()
        case (2, .some(let credentials)):
            state = .authenticating
            return .send(
                [1, UInt8(credentials.user.count)] + credentials.user + [UInt8(credentials.password.count)]
                    + credentials.password)
        case (_, nil): return fail("wants a user and a password: socks5://USER:PASSWORD@HOST:PORT")
        case (_, .some): return fail("takes no user and password")
        }
    }

    private mutating func receiveVerdict() -> Action {
        guard buffer.count >= 2 else { return .wait }
        guard buffer[1] == 0 else { return fail("refuses the user or the password") }
        buffer.removeFirst(2)
        return request()
    }

    private mutating func request() -> Action {
        state = .requesting
        var bytes: [UInt8] = [Self.version, 1, 0]
        switch target {
        case .name(let name): bytes += [3, UInt8(clamping: name.utf8.count)] + name.utf8.prefix(255)
        case .address(let address): bytes += [address.count == 4 ? 1 : 4] + address
        }
        return .send(bytes + [UInt8(port >> 8), UInt8(port & 0xFF)])
    }

    private mutating func receiveReply() -> Action {
        guard buffer.count >= 2 else { return .wait }
        guard buffer[0] == Self.version else { return fail("is no SOCKS5 proxy") }
        guard buffer[1] == 0 else { return fail(Self.text(of: buffer[1])) }
        guard buffer.count >= 5 else { return .wait }
        let address: Int
        switch buffer[3] {
        case 1: address = 4
        case 3: address = 1 + Int(buffer[4])
        case 4: address = 16
        default: return fail("answers what cannot be understood")
        }
        let length = 4 + address + 2
        guard buffer.count >= length else { return .wait }
        state = .over
        return .established(rest: Array(buffer[length...]))
    }

    private mutating func fail(_ what: String) -> Action {
        state = .over
        return .failed(what)
    }

    private static func text(of reply: UInt8) -> String {
        switch reply {
        case 1: "failed"
        case 2: "does not allow this connection"
        case 3: "cannot reach the relay's network"
        case 4: "cannot reach or find the relay's host"
        case 5: "was refused by the relay"
        case 6: "got no answer in time"
        case 7: "does not know how to connect"
        case 8: "does not know this kind of address"
        // Tor's own.
        case 0xF0...0xF7: "cannot reach the onion service (\(String(reply, radix: 16)))"
        default: "failed with \(reply)"
        }
    }
}

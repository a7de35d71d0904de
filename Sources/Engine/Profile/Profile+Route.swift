import Glibc
import Primitives
import TLSTransport
import WireFormat

/// Which way this profile's engine goes to the relays, and whether a command may leave its work to it.
extension Profile {
    /// How the engine's lock tells one way from another, without a password in it.
    static func routeMark(_ proxy: SOCKSProxy?) -> String {
        guard let proxy else { return "straight" }
        let words = [proxy.user ?? "", proxy.password ?? "", proxy.host, "\(proxy.port)"]
        return Hex.encode(SHA256.hash(Array(words.joined(separator: "\0").utf8)))
    }

    /// A command that is told to use a proxy leaves nothing to an engine that goes another way: that would give away what
    /// the proxy hides. To be called before a wish is recorded.
    /// - Throws: `otherRoute`, `badSetting`.
    public func checkRoute() throws(EngineError) {
        let (value, origin) = try settingWithOrigin(.proxy)
        guard case .environment(let variable) = origin, let proxy = value.flatMap({ SOCKSProxy($0) }) else { return }
        // One that is just starting says it in a moment; one that never does may be of an earlier version.
        for _ in 0..<20 {
            guard let said = EngineLock.statement(lockPath), said != Self.routeMark(proxy) else { return }
            if !said.isEmpty { throw .otherRoute(variable) }
            usleep(50_000)
        }
        throw .otherRoute(variable)
    }
}

import Foundation
import Primitives
import TLSTransport
import Testing

@Suite struct CertificateTests {
    @Test func firstStartMakesEverythingForItsOwnerOnly() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path + "/ca")
        let credentials = try authority.credentials()
        #expect(credentials.chain.count == 2)
        #expect(credentials.fingerprint == SHA256.hash(credentials.chain[1]))
        try CertificateChain.validate(credentials.chain, fingerprint: credentials.fingerprint)
        for name in ["ca.key", "ca.crt", "server.key", "server.crt"] {
            #expect(try directory.mode(of: "ca/" + name) == 0o600)
        }
        #expect(try directory.mode(of: "ca") == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path + "/ca")
        #expect(names.count == 4)
    }

    @Test func restartLoadsTheSame() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        let first = try authority.credentials()
        let second = try authority.credentials()
        #expect(first.chain == second.chain)
        #expect(try second.sign([1, 2, 3]) == first.sign([1, 2, 3]))
    }

    @Test func leafIsRenewedNearItsEnd() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        let first = try authority.credentials(at: now)
        let end = first.leafExpiry
        #expect(end == now + CertificateAuthority.leafLifetimeInSeconds)
        let limit = end - CertificateAuthority.renewalInSeconds
        #expect(try authority.credentials(at: limit).chain == first.chain)
        let renewed = try authority.credentials(at: limit + 1)
        #expect(renewed.chain[0] != first.chain[0])
        #expect(renewed.chain[1] == first.chain[1])
        #expect(renewed.fingerprint == first.fingerprint)
        try CertificateChain.validate(renewed.chain, fingerprint: first.fingerprint, at: end + 1)
    }

    @Test func authorityKeyMayBeAwayUntilItIsNeeded() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        let first = try authority.credentials(at: now)
        try directory.remove("ca.key")
        #expect(try authority.credentials(at: first.leafExpiry - 1).chain == first.chain)
        #expect(throws: TLSError.self) { try authority.credentials(at: first.leafExpiry + 1) }
    }

    @Test func aStartThatWasCutShortGoesOn() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        _ = try authority.credentials()
        for name in ["ca.crt", "server.key", "server.crt"] { try directory.remove(name) }
        let second = try authority.credentials()
        try directory.remove("server.crt")
        let third = try authority.credentials()
        #expect(third.fingerprint == second.fingerprint)
        #expect(third.chain[0] != second.chain[0])
    }

    @Test func aLeafThatDoesNotFitItsKeyIsReplaced() throws {
        let directory = try TemporaryDirectory()
        let other = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        let first = try authority.credentials()
        _ = try CertificateAuthority(directory: other.path).credentials()
        try FileManager.default.removeItem(atPath: directory.path + "/server.key")
        try FileManager.default.copyItem(
            atPath: other.path + "/server.key", toPath: directory.path + "/server.key")
        let second = try authority.credentials()
        #expect(second.fingerprint == first.fingerprint)
        #expect(second.chain[0] != first.chain[0])
    }

    @Test func aMissingAuthorityIsNotReplacedSilently() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        _ = try authority.credentials()
        try directory.remove("ca.crt")
        #expect(throws: TLSError.self) { try authority.credentials() }
    }

    @Test func keysThatOthersMayReadAreRefused() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        _ = try authority.credentials()
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: directory.path + "/server.key")
        #expect(throws: TLSError.self) { try authority.credentials() }
    }

    @Test func filesThatAreNoCertificates() throws {
        let directory = try TemporaryDirectory()
        try directory.write("nothing here", to: "a.crt")
        try directory.write("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", to: "a.key")
        #expect(throws: TLSError.self) {
            try TLSCredentials(chainPath: directory.path + "/a.crt", keyPath: directory.path + "/a.key")
        }
        #expect(throws: TLSError.self) {
            try TLSCredentials(chainPath: directory.path + "/none", keyPath: directory.path + "/a.key")
        }
    }
}

/// Chains of every length and kind, made by the `openssl` command.
@Suite struct CertificateChainTests {
    /// root ← middle ← identity ← leaf, and things that do not belong there.
    private struct Certificates {
        let directory: TemporaryDirectory

        init(algorithm: String = "ed25519") throws {
            directory = try TemporaryDirectory()
            try issue("root", by: nil, authority: true, algorithm)
            try issue("middle", by: "root", authority: true, algorithm)
            try issue("identity", by: "middle", authority: true, algorithm)
            try issue("leaf", by: "identity", authority: false, algorithm)
        }

        func issue(_ name: String, by issuer: String?, authority: Bool, _ algorithm: String = "ed25519") throws {
            try OpenSSLTool.issue(name, issuer: issuer, authority: authority, algorithm: algorithm, in: directory)
        }

        func der(_ names: [String]) throws -> [[UInt8]] { try OpenSSLTool.der(names, in: directory) }

        func defect(_ names: [String]) throws -> ChainDefect? {
            let chain = try der(names)
            do throws(TLSError) {
                try CertificateChain.validate(chain, fingerprint: chain.count > 1 ? SHA256.hash(chain[1]) : nil)
                return nil
            } catch {
                guard case .invalidChain(let defect) = error else { throw error }
                return defect
            }
        }
    }

    @Test(arguments: ["ed25519", "ed448"])
    func lengthsTwoToFour(algorithm: String) throws {
        let certificates = try Certificates(algorithm: algorithm)
        #expect(try certificates.defect(["leaf"]) == .length(1))
        #expect(try certificates.defect(["leaf", "identity"]) == nil)
        #expect(try certificates.defect(["leaf", "identity", "middle"]) == nil)
        #expect(try certificates.defect(["leaf", "identity", "middle", "root"]) == nil)
        #expect(try certificates.defect(["leaf", "identity", "middle", "root", "root"]) == .length(5))
        #expect(throws: TLSError.invalidChain(.length(0))) {
            try CertificateChain.validate([[UInt8]](), fingerprint: nil)
        }
    }

    @Test func orderAndIssuers() throws {
        let certificates = try Certificates()
        #expect(try certificates.defect(["identity", "leaf"]) == .notAnAuthority(index: 1))
        #expect(try certificates.defect(["leaf", "middle"]) == .notIssuedByNext(index: 0))
        #expect(try certificates.defect(["leaf", "identity", "root"]) == .notIssuedByNext(index: 1))
        // A leaf of a stranger's, with the real identity only shown beside it.
        try certificates.issue("stranger", by: nil, authority: true)
        try certificates.issue("false", by: "stranger", authority: false)
        #expect(try certificates.defect(["false", "identity", "stranger"]) == .notIssuedByNext(index: 0))
        // A certificate that may not issue.
        try certificates.issue("below", by: "leaf", authority: false)
        #expect(try certificates.defect(["below", "leaf"]) == .notAnAuthority(index: 1))
    }

    @Test func aStrangerOfTheSameName() throws {
        let certificates = try Certificates()
        let real = try certificates.der(["identity"])[0]
        try certificates.issue("identity", by: nil, authority: true)
        try certificates.issue("leaf", by: "identity", authority: false)
        let leaf = try certificates.der(["leaf"])[0]
        let error = #expect(throws: TLSError.self) {
            try CertificateChain.validate([leaf, real], fingerprint: SHA256.hash(real))
        }
        guard case .invalidChain = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func damagedCertificates() throws {
        let credentials = Shared.credentials
        var leaf = credentials.chain[0]
        leaf[leaf.count - 1] ^= 1
        #expect(throws: TLSError.invalidChain(.badSignature(index: 0))) {
            try CertificateChain.validate([leaf, credentials.chain[1]], fingerprint: nil)
        }
        for count in [0, 1, 10, leaf.count - 1] {
            #expect(throws: TLSError.invalidChain(.unusable(index: 0))) {
                try CertificateChain.validate([Array(leaf.prefix(count)), credentials.chain[1]], fingerprint: nil)
            }
        }
        #expect(throws: TLSError.invalidChain(.unusable(index: 1))) {
            try CertificateChain.validate([leaf, credentials.chain[1] + [0]], fingerprint: nil)
        }
    }

    @Test func datesOfEveryMember() throws {
        let credentials = Shared.credentials
        let day: Int64 = 86_400
        #expect(throws: TLSError.invalidChain(.expired(index: 0))) {
            try CertificateChain.validate(credentials.chain, fingerprint: nil, at: credentials.leafExpiry + 1)
        }
        try CertificateChain.validate(credentials.chain, fingerprint: nil, at: credentials.leafExpiry)
        #expect(throws: TLSError.invalidChain(.notYetValid(index: 0))) {
            try CertificateChain.validate(credentials.chain, fingerprint: nil, at: now - 3 * day)
        }
    }

    @Test(arguments: ["ed25519", "ed448"], [2, 3, 4])
    func handshakeWithEachKind(algorithm: String, count: Int) throws {
        let certificates = try Certificates(algorithm: algorithm)
        let names = Array(["leaf", "identity", "middle", "root"].prefix(count))
        let credentials = try OpenSSLTool.credentials(names, in: certificates.directory)
        let context = try TLSServerContext(credentials: credentials)
        let pair = try EmbeddedPair(serverContext: context, fingerprint: credentials.fingerprint)
        try pair.connect()
        let session = try #require(pair.clientRecorder.sessions.first)
        #expect(session.certificates == credentials.chain)
        let signature = try credentials.sign([1, 2, 3])
        switch session.leafKey {
        case .ed25519(let key):
            #expect(algorithm == "ed25519" && key.isValid(signature: signature, for: [1, 2, 3]))
        case .ed448(let key):
            #expect(algorithm == "ed448" && key.isValid(signature: signature, for: [1, 2, 3]))
        case .x25519: Issue.record("not a signing key")
        }
    }
}

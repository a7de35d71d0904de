import ChatProtocol
import Testing
import WireFormat

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

/// A message of the seed with its placeholders filled.
struct Vector: CustomTestStringConvertible, Sendable {
    let head: String
    let bodies: [[UInt8]]
    /// What stands behind the last body: the seed's examples differ.
    let tail: String
    var ending = ChatMessage.Ending.exact

    var bytes: [UInt8] { Array(head.utf8) + bodies.flatMap { [0x20] + $0 } + Array(tail.utf8) }
    var testDescription: String { head }

    init(_ head: String, _ bodies: [[UInt8]] = [], tail: String = " ", ending: ChatMessage.Ending = .extraSpace) {
        self.head = head
        self.bodies = bodies
        self.tail = tail
        self.ending = ending
    }
}

/// Bytes that look like the grammar's own: spaces, commas, colons and NULs among them.
func binary(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    let letters: [UInt8] = [0, 0x20, 0x2C, 0x3A, 0x2E, 0x25, 0xFF, 0x78, 0x31, 0x0A]
    var generator = SeededGenerator(state: seed)
    return (0..<count).map { _ in letters[Int(generator.next() % UInt64(letters.count))] }
}

/// A value of the tests' own that cannot be missing.
func sure<Value>(_ value: Value?) -> Value {
    guard let value else { preconditionFailure("a test's own value is wrong") }
    return value
}

func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

let link = "simplex:/invitation#/?v=2-7&smp=smp%3A%2F%2Fabc%40relay.example%2Fq1%23&e2e=v%3D2"
let json = #"{"displayName":"bob","fullName":"Bob, a b"}"#

/// Every example of the seed, in its order.
let seedVectors: [Vector] = [
    Vector("3 x.msg.new c.text x.text:5", [ascii("hello")]),
    Vector("4 x.msg.new c.image i.image/jpg:256,i.image/png:4096", [binary(256), binary(4096)]),
    Vector(
        "4 x.msg.new c.image x.dag:32,i.image/jpg:8000,i.image/png:16000",
        [binary(32), binary(8000, seed: 2), binary(16_000, seed: 3)], tail: "", ending: .exact),
    Vector("5 x.msg.new c.image,i.image/jpg:150000 i.image/jpg:256", [binary(256)]),
    Vector("6 x.msg.file 5,1.1 x.file:60000", [binary(60_000, seed: 4)]),
    Vector("7 x.msg.file 5,1.2 x.file:60000", [binary(60_000, seed: 5)]),
    Vector("8 x.msg.file 5,1.3 x.file:30000", [binary(30_000, seed: 6)]),
    Vector("8 x.msg.update 3 x.text:11,x.dag:16", [ascii("hello there"), binary(16)]),
    Vector("9 x.msg.delete 3", tail: "", ending: .missingSpaces(1)),
    Vector(
        "10 x.msg.new app/v1 i.text/html:6,i.text/css:4,c.js:3,c.json:7",
        [ascii("<html>"), ascii("a{ }"), ascii("f()"), ascii(#"{"a":1}"#)]),
    Vector("11 x.msg.eval 8 c.json:7", [ascii(#"{"a":1}"#)]),
    Vector("12 x.msg.new c.text x.text:16,x.dag:32", [ascii("hello there @123"), binary(32)]),
    Vector(" x.grp.mem.inv 23456,123 x.json:\(json.utf8.count)", [ascii(json)]),
    Vector(" x.grp.mem.acpt 23456 x.text:\(link.utf8.count)", [ascii(link)]),
    Vector(" x.grp.mem.intro 23456,234 x.json:\(json.utf8.count)", [ascii(json)]),
    Vector(" x.grp.mem.inv 23456,234 x.text:\(link.utf8.count)", [ascii(link)]),
    Vector(" x.grp.mem.req 23456,123 x.json:\(json.utf8.count)", [ascii(json)]),
    Vector(" x.grp.mem.direct.inv 23456,234 x.text:\(link.utf8.count)", [ascii(link)]),
    Vector(" x.file photo.jpg,150000 x.text:\(link.utf8.count)", [ascii(link)]),
]

let memberA = sure(MemberID(ascii("member-A")))
let memberB = sure(MemberID([0xFB, 0xFF, 0xFE, 0, 1, 2, 3, 4]))
let probe = [UInt8](repeating: 7, count: 32)

/// The group messages of the seed, and what they say. `A`, `B` are ids, `L` a link and `P` a probe in the template.
let groupVectors: [(template: String, hasProfile: Bool, event: ChatEvent)] = {
    let profile = Profile(displayName: "bob", fullName: "Bob, a b")
    let description = MemberDescription(member: memberB, role: .admin, profile: profile)
    let links = MemberInvitation(member: memberB, group: link, direct: link, probe: probe)
    return [
        (
            " x.grp.inv A,owner,B,member,L", true,
            .groupInvite(
                GroupInvitation(
                    inviter: memberA, inviterRole: .owner, invited: memberB, invitedRole: .member, invitation: link,
                    profile: profile))
        ),
        (" x.grp.acpt B", false, .groupAccept(member: memberB)),
        (
            "7 x.grp.mem.new A,B,B,admin", true,
            .memberNew(MemberAnnouncement(connected: [memberA, memberB], new: description))
        ),
        ("7 x.grp.mem.new B,admin", true, .memberNew(MemberAnnouncement(connected: [], new: description))),
        (" x.grp.mem.intro B,admin", true, .memberIntroduce(description)),
        (" x.grp.mem.inv B,L,L,P", false, .memberInvite(links)),
        (" x.grp.mem.fwd B,L,L,P", false, .memberForward(links)),
        (" x.grp.mem.info B,admin", true, .memberInfo(description)),
        (" x.info.probe P", false, .probe(probe)),
        (" x.info.probe.check P", false, .probeCheck(hash: probe)),
        (" x.info.probe.ok P", false, .probeConfirm(probe)),
        (" x.grp.mem.con B", false, .memberConnected(memberB)),
        ("9 x.grp.mem.con.all B", false, .memberConnectedToAll(memberB)),
        (" x.grp.mem.del B", false, .memberDelete(memberB)),
        ("10 x.grp.leave ", false, .groupLeave),
        ("11 x.grp.del ", false, .groupDelete),
        (" x.ok ", false, .ok),
        (" x.info ", true, .info(profile)),
    ]
}()

func fill(_ template: String, hasProfile: Bool) -> [UInt8] {
    let encodedLink = PercentEncoding.encode(link)
    let fields = template.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    let parameters = fields[2].split(separator: ",").map { field -> String in
        switch field {
        case "A": memberA.text
        case "B": memberB.text
        case "L": encodedLink
        case "P": Base64.encode(probe, .url)
        default: String(field)
        }
    }
    let tail = hasProfile ? "x.json:\(json.utf8.count) \(json)" : ""
    return ascii("\(fields[0]) \(fields[1]) \(parameters.joined(separator: ",")) \(tail)")
}

func refusal(_ text: String) -> ChatProtocolError? { refusal(ascii(text)) }

/// Why a message is refused; nil if it is not.
func refusal(_ bytes: [UInt8]) -> ChatProtocolError? {
    do {
        let message = try ChatMessage(parsing: bytes)
        return message.encoded() == bytes ? nil : .invalid("round trip", event: message.event)
    } catch { return error }
}

/// Why the event of a message is refused; nil if it is not.
func eventRefusal(_ text: String) -> ChatProtocolError? {
    do {
        _ = try ChatEvent(parsing: ascii(text)[...])
        return nil
    } catch { return error }
}

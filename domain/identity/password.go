package identity

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The length of a password in characters, of any script. There are no rules about
// its composition, and nothing is cut off.
const (
	minPassword = 8
	maxPassword = 128
)

// BadPassword returns why a new password for an address is not accepted, or "".
func BadPassword(password, email string) string {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword {
		return "must have " + strconv.Itoa(minPassword) + " to " + strconv.Itoa(maxPassword) + " characters"
	}
	folded := strings.ToLower(password)
	local, _, _ := strings.Cut(email, "@")
	switch {
	case common[folded], monotonous(folded):
		return "is one of the first that others would try"
	case productWords[strings.TrimFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })]:
		return "must not be the name of this platform"
	case folded == email, folded == local:
		return "must not be the e-mail address"
	}
	return ""
}

// monotonous reports whether a password repeats one character.
func monotonous(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return strings.Trim(s, string(first)) == ""
}

// productWords are the passwords that are guessed from the name of the platform. Digits and
// signs around them do not help.
var productWords = setOf(`codex codexcodex codexplatform codex-platform mycodex`)

// common are the passwords of at least eight characters that lists of leaked
// passwords begin with, in lower case.
var common = setOf(`
12345678 123456789 1234567890 12345678910 123456789a 1234567891 0123456789 01234567 87654321 987654321
9876543210 0987654321 123123123 123321123 12341234 11223344 1122334455 112233445566 123454321 1234554321
12344321 123qweasd 123456abc 123456qwerty 123abc123 123456aa 12345abc 12345qwert 12345qwerty 1234qwer
123qwe123 123qweasdzxc 12qwaszx 147258369 159753456 147852369 789456123 741852963 963852741 321654987 14789632
25802580 45678910 98765432 password password1 password12 password123 password1234 password12345 password123456
password! password1! passw0rd p@ssword p@ssw0rd p@ssw0rd1 pa55word pa$$word passwort passwort1 mypassword
mypassword1 newpassword password0 password2 password01 password11 password321 passwords thepassword changeme
changeme1 changeme123 letmein1 letmein123 letmeinnow welcome1 welcome12 welcome123 welcome1234 welcome!
welcome2 iloveyou iloveyou1 iloveyou2 iloveyou! iloveyou123 iloveme1 ilovegod iloveyousomuch qwertyui
qwertyuiop qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwerty1! qwertyuiop123 qwertz123 qwertzui
qwertzuiop azertyui azertyuiop azerty123 asdfghjk asdfghjkl asdfasdf asdf1234 asdfqwer asdf123456 zxcvbnm1
zxcvbnm123 zxcvbnm, 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 q1w2e3r4 q1w2e3r4t5
qazwsxedc qazwsx123 qweasdzxc qweqweqwe qwe123qwe qweasd123 zaq12wsx zaq1zaq1 !qaz2wsx 1qaz!qaz abcd1234
abcdefgh abcdefg1 abcdefghi abc12345 abc123456 abc123abc abc123456789 a1b2c3d4 a1234567 a12345678 a123456789
aa123456 aa12345678 aaa111222 q12345678 qq123456 w1234567 z1234567 x1234567 admin123 admin1234 admin12345
admin123456 adminadmin administrator admin@123 root1234 rootroot toor1234 superuser superman superman1
superstar supersecret secret12 secret123 secret1234 topsecret default1 default123 guest123 guest1234 master12
master123 computer computer1 internet internet1 football football1 football123 baseball baseball1 basketball
softball1 hockey12 soccer12 soccer123 liverpool liverpool1 chelsea1 arsenal1 arsenal123 barcelona realmadrid
juventus manchester sunshine sunshine1 princess princess1 princess123 princesa butterfly butterfly1 chocolate
chocolate1 strawberry cupcake1 cookie123 flower123 rainbow1 starwars starwars1 pokemon1 pokemon123 minecraft
minecraft1 dragon12 dragon123 monkey12 monkey123 batman123 spiderman michael1 michelle michelle1 jennifer
jennifer1 jessica1 ashley12 charlie1 charlie123 jonathan alexander alexandra samantha victoria elizabeth
daniel123 andrew123 thomas123 jordan23 jordan123 anthony1 nicholas benjamin christian veronica trustno1
whatever whatever1 blahblah forever1 lovelove loveme123 lovely123 babygirl babygirl1 sweetheart sexy1234
fuckyou1 fuckyou2 fuckyou123 fuckyou! bullshit asshole1 motherfucker biteme12 hello123 hello1234 helloworld
hellohello hello12345 goodluck google123 facebook facebook1 linkedin youtube1 instagram twitter1 samsung1
samsung123 nintendo playstation mercedes corvette mustang1 ferrari1 yamaha12 harley12 harleydavidson november
december september february summer12 summer123 summer2024 summer2025 winter12 winter123 winter2024 winter2025
spring123 spring2024 autumn123 january1 october1 creative explorer midnight mountain pakistan scotland
australia america1 london123 california bismillah jesus123 jesuschrist godisgood blessed1 scooter1 snoopy12
tigger12 ginger12 maggie12 peanut12 pepper12 buster12 bailey12 cheese12 orange12 banana12 banana123 coffee12
letmein! access14 testtest testing1 testing123 user1234 user12345 login123 login1234 demo1234 sample123
temp1234 temppass temporary video123 creator1 creator123 streaming stream123
`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}
